"""The caller's documents: what was found in them, their chunks, their files, and searching them."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.problems import Problem
from jobs.states import ACTIVE
from uploads import downloads, receiving
from uploads.downloads import Stored
from uploads.models import Document
from uploads.serializers import (
    ChunkListSerializer,
    DocumentListSerializer,
    DocumentSerializer,
    LinkSerializer,
    mime_of,
    show_document,
    show_item,
)


def find_document(user: Any, document_id: uuid.UUID, *, full: bool = False) -> Document:
    """The document if `user` may see it; else a 404 that does not tell whether it exists."""
    found = Document.objects.select_related("upload", "job").defer("job__args", "job__checkpoint")
    if not user.is_staff:
        found = found.filter(owner=user)
    document = found.filter(pk=document_id).first()
    if document is None:
        raise Problem(404, "not_found", "There is no such document among yours.")
    return document


def original(document: Document) -> Stored:
    """The file as it was sent: always an attachment."""
    return Stored(document.upload.key, document.upload.name, mime_of(document.upload.media_type))


class _Paging(serializers.Serializer[Any]):
    limit = serializers.IntegerField(required=False, default=50, min_value=1, max_value=200)
    after = serializers.UUIDField(required=False)
    offset = serializers.IntegerField(required=False, default=0, min_value=0, max_value=10_000_000)
    purpose = serializers.ChoiceField(["document", "resume", "paper"], required=False)


class DocumentsView(APIView):
    @extend_schema(
        operation_id="listDocuments",
        summary="The caller's documents, newest first",
        parameters=[
            OpenApiParameter("limit", int),
            OpenApiParameter("after", uuid.UUID),
            OpenApiParameter("purpose", str, enum=["document", "resume", "paper"]),
        ],
        responses=DocumentListSerializer,
        tags=["documents"],
    )
    def get(self, request: Request) -> Response:
        query = _Paging(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked: dict[str, Any] = query.validated_data
        rows = (
            Document.objects.select_related("upload", "job")
            .filter(owner_id=request.user.pk)
            .only(
                "id",
                "title",
                "language",
                "pages_total",
                "note",
                "created_at",
                "upload__name",
                "upload__media_type",
                "upload__purpose",
                "upload__size",
                "job__state",
            )
        )
        if "after" in asked:
            rows = rows.filter(pk__lt=asked["after"])
        if "purpose" in asked:
            rows = rows.filter(upload__purpose=asked["purpose"])
        found = list(rows.order_by("-id")[: asked["limit"] + 1])
        shown = found[: asked["limit"]]
        more = len(found) > len(shown)
        following = request.query_params.copy()
        if more:
            following["after"] = str(shown[-1].pk)
        return Response(
            {
                "documents": [show_item(document) for document in shown],
                "next": f"{request.path}?{following.urlencode()}" if more else None,
            }
        )


class DocumentView(APIView):
    @extend_schema(
        operation_id="getDocument",
        summary="A document and what was found in it",
        responses=DocumentSerializer,
        tags=["documents"],
    )
    def get(self, request: Request, document_id: uuid.UUID) -> Response:
        return Response(show_document(find_document(request.user, document_id)))

    @extend_schema(
        operation_id="deleteDocument",
        summary="Remove a document, what was found in it, and its file",
        responses={204: OpenApiResponse(description="Gone.")},
        tags=["documents"],
    )
    def delete(self, request: Request, document_id: uuid.UUID) -> Response:
        with transaction.atomic():
            document = find_document(request.user, document_id)
            if document.job is not None and document.job.state in ACTIVE:
                raise Problem(409, "in_use", "Its job has not ended: cancel it first, or wait.")
            upload = document.upload
            document.delete()
            receiving.let_go(upload)
        return Response(status=204)


class ChunksView(APIView):
    @extend_schema(
        operation_id="listChunks",
        summary="The pieces of a document, with their pages",
        parameters=[OpenApiParameter("offset", int), OpenApiParameter("limit", int)],
        responses=ChunkListSerializer,
        tags=["documents"],
    )
    def get(self, request: Request, document_id: uuid.UUID) -> Response:
        query = _Paging(data=request.query_params)
        query.is_valid(raise_exception=True)
        offset, limit = query.validated_data["offset"], query.validated_data["limit"]
        document = find_document(request.user, document_id)
        total = document.chunks.count()
        rows = document.chunks.order_by("number").defer("vector")[offset : offset + limit]
        end = offset + limit
        return Response(
            {
                "documentId": str(document.pk),
                "total": total,
                "chunks": [
                    {
                        "number": chunk.number,
                        "text": chunk.text,
                        "pageStart": chunk.page_start,
                        "pageEnd": chunk.page_end,
                        "offset": chunk.offset,
                        "embedding": {"engine": chunk.engine, "dimension": chunk.dimension}
                        if chunk.engine
                        else None,
                    }
                    for chunk in rows
                ],
                "next": f"{request.path}?offset={end}&limit={limit}" if end < total else None,
            }
        )


class DocumentFileView(APIView):
    @extend_schema(
        operation_id="getDocumentFile",
        summary="The file as it was sent, always as an attachment",
        responses={(200, "application/octet-stream"): bytes},
        tags=["documents"],
    )
    def get(self, request: Request, document_id: uuid.UUID) -> HttpResponseBase:
        return downloads.send(request._request, original(find_document(request.user, document_id)))


class DocumentLinkView(APIView):
    @extend_schema(
        operation_id="linkDocumentFile",
        summary="An address of the file that works for five minutes, without a header",
        request=None,
        responses=LinkSerializer,
        tags=["documents"],
    )
    def post(self, request: Request, document_id: uuid.UUID) -> Response:
        document = find_document(request.user, document_id)
        return Response(downloads.link(request.user, "document", document.pk))
