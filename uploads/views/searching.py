"""`GET /api/documents/search?q=`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from uploads.search import fusion


class _Query(serializers.Serializer[Any]):
    q = serializers.CharField(max_length=500)
    limit = serializers.IntegerField(required=False, default=10, min_value=1, max_value=50)
    documentId = serializers.UUIDField(required=False)


class _Snippet(serializers.Serializer[Any]):
    text = serializers.CharField()
    highlights = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()),
        help_text="[start, end] of each word found, in characters of `text`",
    )


class _Hit(serializers.Serializer[Any]):
    documentId = serializers.UUIDField()
    title = serializers.CharField()
    filename = serializers.CharField()
    chunk = serializers.IntegerField()
    pageStart = serializers.IntegerField(allow_null=True)
    pageEnd = serializers.IntegerField(allow_null=True)
    score = serializers.FloatField()
    ranks = serializers.DictField(help_text="its place by full text and by vectors; null where not found")
    snippet = _Snippet()


class _Answer(serializers.Serializer[Any]):
    query = serializers.CharField()
    results = _Hit(many=True)
    method = serializers.DictField(help_text="what was searched, and what was left out")


class SearchView(APIView):
    @extend_schema(
        operation_id="searchDocuments",
        summary="Search the caller's documents by words and by vectors, with page references",
        parameters=[
            OpenApiParameter("q", str, required=True),
            OpenApiParameter("limit", int),
            OpenApiParameter("documentId", str, description="Only in this document."),
        ],
        responses=_Answer,
        tags=["documents"],
    )
    def get(self, request: Request) -> Response:
        query = _Query(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked: dict[str, Any] = query.validated_data
        return Response(
            fusion.search(
                asked["q"],
                owner_id=request.user.pk,
                limit=asked["limit"],
                document_id=asked.get("documentId"),
            )
        )
