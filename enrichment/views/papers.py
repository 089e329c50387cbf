"""`/api/papers`: a paper comes in as a file or as text, and is read by one provider or several."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import Field, ValidationError
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from enrichment.arguments import Arguments
from enrichment.models import Paper
from enrichment.serializers import PaperSerializer, show_paper
from jobs import enqueue
from jobs.exceptions import InvalidArgs
from jobs.idempotency import fingerprint, idempotent
from jobs.models import Job, uuid7
from jobs.openapi import IDEMPOTENCY_KEY
from jobs.parsers import StrictJSONParser
from jobs.priorities import default_priority, parse_priority
from jobs.problems import Problem
from jobs.registry import field_errors
from jobs.views.base import actor
from uploads import accepting, receiving, signatures
from uploads.accepting import Accepted, Batch
from uploads.models import Document, Purpose, Upload
from uploads.views.receiving import ReceivingView, same_request


class PaperBody(Arguments):
    """A paper as text."""

    title: str = Field(default="", max_length=500)
    text: str = Field(min_length=200, max_length=900_000)
    providers: list[str] | None = Field(default=None, min_length=1, max_length=3)
    priority: int | str | None = None


class AcceptedPaperSerializer(serializers.Serializer[Any]):
    paperId = serializers.UUIDField()
    jobId = serializers.UUIDField()


class PaperListSerializer(serializers.Serializer[Any]):
    papers = serializers.ListField(child=serializers.DictField())
    next = serializers.CharField(allow_null=True)


class _Paging(serializers.Serializer[Any]):
    limit = serializers.IntegerField(required=False, default=50, min_value=1, max_value=200)
    after = serializers.UUIDField(required=False)


class PapersView(ReceivingView):
    parser_classes = [StrictJSONParser, receiving.StagedFormParser]
    purpose = Purpose.PAPER

    @extend_schema(
        operation_id="listPapers",
        summary="The caller's papers, newest first",
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("after", uuid.UUID)],
        responses=PaperListSerializer,
        tags=["papers"],
    )
    def get(self, request: Request) -> Response:
        query = _Paging(data=request.query_params)
        query.is_valid(raise_exception=True)
        limit = query.validated_data["limit"]
        rows = Paper.objects.filter(owner=request.user.pk).select_related("job").defer("text").order_by("-id")
        if "after" in query.validated_data:
            rows = rows.filter(pk__lt=query.validated_data["after"])
        found = list(rows[: limit + 1])
        more = found[limit - 1].pk if len(found) > limit else None
        lines = [
            {"id": str(p.pk), "title": p.title, "status": p.job.state if p.job else None}
            for p in found[:limit]
        ]
        return Response(
            {"papers": lines, "next": f"{request.path}?limit={limit}&after={more}" if more else None}
        )

    @extend_schema(
        operation_id="createPaper",
        summary="Send a paper (multipart `file`, or JSON `title` and `text`) to be analysed",
        parameters=[IDEMPOTENCY_KEY],
        request={
            "application/json": {
                "type": "object",
                "required": ["text"],
                "properties": {
                    "title": {"type": "string"},
                    "text": {"type": "string", "minLength": 200},
                    "providers": {"type": "array", "items": {"type": "string"}},
                    "priority": {},
                },
            },
            "multipart/form-data": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "title": {"type": "string"},
                    "providers": {"type": "string", "description": "Separated by commas."},
                    "priority": {"type": "string"},
                },
            },
        },
        responses={202: AcceptedPaperSerializer},
        tags=["papers"],
    )
    def post(self, request: Request) -> Response:
        if request.content_type.partition(";")[0].strip().lower() == "multipart/form-data":
            return self._from_file(request)
        body = _read(request.data)

        def create() -> tuple[int, dict[str, Any]]:
            owner: Any = request.user
            title = body.title.strip() or _first_line(body.text)
            paper = Paper(owner=owner, title=title, text=body.text)
            return 202, _accept(request, paper, body.providers, body.priority)

        return idempotent(request, fingerprint(request), create)

    def _from_file(self, request: Request) -> Response:
        files: list[UploadedFile] = receiving.received(request, "file")
        fields: Any = request.data
        named = [name.strip() for name in str(fields.get("providers") or "").split(",") if name.strip()]
        title = str(fields.get("title") or "")[:500]
        priority = fields.get("priority")
        with accepting.batch() as batch:
            upload = batch.take(
                files[0],
                owner=request.user,
                purpose=self.purpose,
                accept=signatures.DOCUMENTS,
                name="file",
            )

            def create() -> tuple[int, dict[str, Any]]:
                body = self._store(request, batch, upload, title, named or None, priority)
                return 202, body

            return idempotent(request, same_request(request, files), create)

    def _store(
        self,
        request: Request,
        batch: Batch,
        upload: Upload,
        title: str,
        named: list[str] | None,
        priority: Any,
    ) -> dict[str, Any]:
        owner: Any = request.user
        with transaction.atomic():
            receiving.check_quota(owner, upload.size)
            upload.save(force_insert=True)
            # No job of its own: whichever job reads it may, this one or one asked for later.
            document = Document.objects.create(owner=owner, upload=upload, title=title)
            paper = Paper(owner=owner, title=title, document=document)
            body = _accept(request, paper, named, priority)
            job = Job.objects.get(pk=body["jobId"])
            batch.use(Accepted(job, upload, new=True))
        return body


class PaperView(APIView):
    @extend_schema(
        operation_id="getPaper",
        summary="One paper and its analyses side by side, one per provider",
        responses=PaperSerializer,
        tags=["papers"],
    )
    def get(self, request: Request, paper_id: uuid.UUID) -> Response:
        rows = Paper.objects.select_related("job").defer("text")
        if not request.user.is_staff:
            rows = rows.filter(owner=request.user.pk)
        paper = rows.filter(pk=paper_id).first()
        if paper is None:
            raise Problem(404, "not_found", "There is no such paper among yours.")
        return Response(show_paper(paper))


def _read(data: Any) -> PaperBody:
    try:
        return PaperBody.model_validate(data)
    except ValidationError as error:
        raise InvalidArgs(field_errors(error)) from None


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:200]


def _accept(request: Request, paper: Paper, providers: list[str] | None, priority: Any) -> dict[str, Any]:
    """Store a paper and its job, both or none."""
    try:
        asked = parse_priority(priority) if priority not in (None, "") else default_priority(request)
    except ValueError as error:
        raise InvalidArgs({"priority": [str(error)]}) from None
    paper.id = uuid7()
    with transaction.atomic():
        paper.save(force_insert=True)
        job = enqueue.create(
            "paper.compare",
            {"paperId": str(paper.pk), "providers": providers},
            owner=request.user,
            priority=asked,
            actor=actor(request),
        )
        paper.job = job
        paper.save(update_fields=["job"])
    return {"paperId": str(paper.pk), "jobId": str(job.pk)}
