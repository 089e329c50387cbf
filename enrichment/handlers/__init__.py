"""One file for each kind; importing this package registers them."""

from enrichment.handlers import (
    ai_analysis,
    bulk,
    candidate_profile,
    competence_file,
    document,
    improvements,
    paper,
    resume,
)

__all__ = [
    "ai_analysis",
    "bulk",
    "candidate_profile",
    "competence_file",
    "document",
    "improvements",
    "paper",
    "resume",
]
