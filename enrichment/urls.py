"""The addresses of enrichment."""

from __future__ import annotations

from django.urls import path

from enrichment.views.candidates import (
    AcceptView,
    CandidatesView,
    CandidateView,
    CompetenceFileView,
    ProposalsView,
    RejectView,
)
from enrichment.views.enrichment import EnrichmentView
from enrichment.views.papers import PapersView, PaperView

_ONE = "api/candidates/<uuid:candidate_id>"

urlpatterns = [
    path("api/enrichment", EnrichmentView.as_view(), name="enrichment"),
    path("api/candidates", CandidatesView.as_view(), name="candidates"),
    path(_ONE, CandidateView.as_view(), name="candidate"),
    path(f"{_ONE}/competence-file", CompetenceFileView.as_view(), name="competence-file"),
    path(f"{_ONE}/enrichments", ProposalsView.as_view(), name="proposals"),
    path(f"{_ONE}/enrichments/<uuid:proposal_id>/accept", AcceptView.as_view(), name="proposal-accept"),
    path(f"{_ONE}/enrichments/<uuid:proposal_id>/reject", RejectView.as_view(), name="proposal-reject"),
    path("api/papers", PapersView.as_view(), name="papers"),
    path("api/papers/<uuid:paper_id>", PaperView.as_view(), name="paper"),
]
