"""`/api/candidates`: profiles, corrections, competence files, and proposals to accept or reject."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from enrichment import deciding
from enrichment.models import Candidate, Enrichment
from enrichment.serializers import (
    CandidateSerializer,
    ProposalSerializer,
    show_candidate,
    show_candidate_line,
    show_proposal,
)
from jobs.exceptions import InvalidArgs
from jobs.problems import Problem
from jobs.views.base import actor
from uploads import downloads

_MIMES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
}


def find_candidate(request: Request, candidate_id: uuid.UUID) -> Candidate:
    """The candidate if the caller may see it; else a 404 that does not tell whether it exists."""
    mine = (
        Candidate.objects.all() if request.user.is_staff else Candidate.objects.filter(owner=request.user.pk)
    )
    found = mine.filter(pk=candidate_id).first()
    if found is None:
        raise Problem(404, "not_found", "There is no such candidate among yours.")
    return found


def find_proposal(request: Request, candidate_id: uuid.UUID, proposal_id: uuid.UUID) -> Enrichment:
    """A proposal for one of the caller's candidates. Raises Problem 404."""
    candidate = find_candidate(request, candidate_id)
    found = candidate.enrichments.filter(pk=proposal_id).first()
    if found is None:
        raise Problem(404, "not_found", "There is no such proposal for this candidate.")
    return found


class _Paging(serializers.Serializer[Any]):
    limit = serializers.IntegerField(required=False, default=50, min_value=1, max_value=200)
    after = serializers.UUIDField(required=False)
    kind = serializers.CharField(required=False, max_length=100)


class CandidateListSerializer(serializers.Serializer[Any]):
    candidates = serializers.ListField(child=serializers.DictField())
    next = serializers.CharField(allow_null=True)


class CandidatesView(APIView):
    @extend_schema(
        operation_id="listCandidates",
        summary="The caller's candidates, newest first",
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("after", uuid.UUID)],
        responses=CandidateListSerializer,
        tags=["candidates"],
    )
    def get(self, request: Request) -> Response:
        query = _Paging(data=request.query_params)
        query.is_valid(raise_exception=True)
        limit = query.validated_data["limit"]
        mine = Candidate.objects.filter(owner=request.user.pk).defer("profile", "corrections").order_by("-id")
        if "after" in query.validated_data:
            mine = mine.filter(pk__lt=query.validated_data["after"])
        rows = list(mine[: limit + 1])
        more = rows[limit - 1].pk if len(rows) > limit else None
        return Response(
            {
                "candidates": [show_candidate_line(one) for one in rows[:limit]],
                "next": f"{request.path}?limit={limit}&after={more}" if more else None,
            }
        )


class CandidateView(APIView):
    @extend_schema(
        operation_id="getCandidate",
        summary="One candidate",
        responses=CandidateSerializer,
        tags=["candidates"],
    )
    def get(self, request: Request, candidate_id: uuid.UUID) -> Response:
        return Response(show_candidate(find_candidate(request, candidate_id)))

    @extend_schema(
        operation_id="correctCandidate",
        summary="Set corrections, or take them back; they survive every new reading",
        description="`corrections` maps paths such as `headline` or `experience.0.title` to what is right; "
        "`remove` lists corrections to take back.",
        request={
            "application/json": {
                "type": "object",
                "properties": {
                    "corrections": {"type": "object", "additionalProperties": {}},
                    "remove": {"type": "array", "items": {"type": "string"}},
                },
            }
        },
        responses=CandidateSerializer,
        tags=["candidates"],
    )
    def patch(self, request: Request, candidate_id: uuid.UUID) -> Response:
        candidate = find_candidate(request, candidate_id)
        body = request.data
        corrections = body.get("corrections", {}) if isinstance(body, dict) else None
        remove = body.get("remove", []) if isinstance(body, dict) else None
        if not isinstance(corrections, dict):
            raise InvalidArgs({"corrections": ["An object of paths and values."]})
        if not isinstance(remove, list) or not all(isinstance(path, str) for path in remove):
            raise InvalidArgs({"remove": ["A list of paths."]})
        if unknown := set(body) - {"corrections", "remove"}:
            raise InvalidArgs({str(name): ["Send `corrections` and `remove` only."] for name in unknown})
        return Response(show_candidate(deciding.correct(candidate, corrections, remove)))


class _OwnFormat(DefaultContentNegotiation):
    """`format` means the file's here, not the renderer's."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class CompetenceFileView(APIView):
    content_negotiation_class = _OwnFormat

    @extend_schema(
        operation_id="getCompetenceFile",
        summary="A candidate's competence file, the newest unless `version` says another",
        parameters=[
            OpenApiParameter("format", str, enum=["docx", "pdf"]),
            OpenApiParameter("version", int),
        ],
        responses={200: OpenApiResponse(OpenApiTypes.BINARY)},
        tags=["candidates"],
    )
    def get(self, request: Request, candidate_id: uuid.UUID) -> HttpResponseBase:
        candidate = find_candidate(request, candidate_id)
        wanted = request.query_params.get("format", "docx").lower()
        version = request.query_params.get("version", "")
        if wanted not in _MIMES:
            raise InvalidArgs({"format": ["docx or pdf."]})
        if version and not (version.isascii() and version.isdigit() and len(version) < 9):
            raise InvalidArgs({"version": ["A number."]})
        files = candidate.competence_files.exclude(**{f"{wanted}_key": ""}).order_by("-version")
        found = files.filter(version=int(version)).first() if version else files.first()
        if found is None:
            raise Problem(
                404,
                "no_competence_file",
                f"There is no such {wanted.upper()} file. Have it made by POST /api/enrichment with the type "
                "competence_file_generation.",
            )
        name = f"competence-file-{candidate.name or candidate.pk}-{found.version}.{wanted}"
        key = found.docx_key if wanted == "docx" else found.pdf_key
        return downloads.send(request._request, downloads.Stored(key, name, _MIMES[wanted]))


class ProposalListSerializer(serializers.Serializer[Any]):
    enrichments = ProposalSerializer(many=True)


class ProposalsView(APIView):
    @extend_schema(
        operation_id="listEnrichments",
        summary="What was proposed for a candidate, newest first",
        parameters=[OpenApiParameter("kind", str), OpenApiParameter("limit", int)],
        responses=ProposalListSerializer,
        tags=["candidates"],
    )
    def get(self, request: Request, candidate_id: uuid.UUID) -> Response:
        query = _Paging(data=request.query_params)
        query.is_valid(raise_exception=True)
        rows = find_candidate(request, candidate_id).enrichments.order_by("-created_at")
        if kind := query.validated_data.get("kind"):
            rows = rows.filter(kind=kind)
        return Response(
            {"enrichments": [show_proposal(one) for one in rows[: query.validated_data["limit"]]]}
        )


class AcceptView(APIView):
    @extend_schema(
        operation_id="acceptEnrichment",
        summary="Accept a proposal, or the paths named of it",
        request={
            "application/json": {
                "type": "object",
                "properties": {"paths": {"type": "array", "items": {"type": "string"}}},
            }
        },
        responses=ProposalSerializer,
        tags=["candidates"],
    )
    def post(self, request: Request, candidate_id: uuid.UUID, proposal_id: uuid.UUID) -> Response:
        proposal = find_proposal(request, candidate_id, proposal_id)
        paths = request.data.get("paths") if isinstance(request.data, dict) else None
        if paths is not None and not (isinstance(paths, list) and all(isinstance(p, str) for p in paths)):
            raise InvalidArgs({"paths": ["A list of paths of this proposal's diff."]})
        return Response(show_proposal(deciding.accept(proposal, paths, actor(request))))


class RejectView(APIView):
    @extend_schema(
        operation_id="rejectEnrichment",
        summary="Reject a proposal",
        request=None,
        responses=ProposalSerializer,
        tags=["candidates"],
    )
    def post(self, request: Request, candidate_id: uuid.UUID, proposal_id: uuid.UUID) -> Response:
        proposal = find_proposal(request, candidate_id, proposal_id)
        return Response(show_proposal(deciding.reject(proposal, actor(request))))
