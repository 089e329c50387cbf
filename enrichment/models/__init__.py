"""The records of enrichment. Where the work stands is said by the `Job` alone."""

from __future__ import annotations

from enrichment.models.candidates import Candidate, CompetenceFile, Decision, Enrichment
from enrichment.models.papers import Analysis, Paper
from enrichment.models.spending import ProviderState, Spend

__all__ = [
    "Analysis",
    "Candidate",
    "CompetenceFile",
    "Decision",
    "Enrichment",
    "Paper",
    "ProviderState",
    "Spend",
]
