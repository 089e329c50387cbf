"""Videos and what was made of them, for players: with `Range`, and by links that need no header."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from django.db import transaction
from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.problems import Problem
from jobs.states import ACTIVE
from uploads import downloads, receiving, storage
from uploads.downloads import Stored
from uploads.models import Video
from uploads.serializers import LinkSerializer, VideoListSerializer, VideoSerializer, show_video
from uploads.views.documents import find_document, original

_PARTS = {
    "file": ("key", ""),
    "poster": ("poster_key", "image/jpeg"),
    "strip": ("strip_key", "image/jpeg"),
    "waveform": ("waveform_key", "image/png"),
}
_MIMES = {"mp4": "video/mp4", "webm": "video/webm"}


def find_video(user: Any, video_id: uuid.UUID) -> Video:
    """The video if `user` may see it; else a 404 that does not tell whether it exists."""
    found = Video.objects.select_related("upload", "job").defer("job__args", "job__checkpoint")
    if not user.is_staff:
        found = found.filter(owner=user)
    video = found.filter(pk=video_id).first()
    if video is None:
        raise Problem(404, "not_found", "There is no such video among yours.")
    return video


def made(video: Video, part: str) -> Stored:
    """What we made of the video: shown by the browser, because every byte of it is ours."""
    field, mime = _PARTS[part]
    key: str = getattr(video, field)
    if not key:
        raise Problem(404, "not_ready", "It is not there: the video's job has not made it.")
    ending = key.rpartition(".")[2]
    return Stored(key, f"{video.pk}.{ending}", mime or _MIMES[ending], inline=True)


class _Paging(serializers.Serializer[Any]):
    limit = serializers.IntegerField(required=False, default=20, min_value=1, max_value=200)
    after = serializers.UUIDField(required=False)


class VideosView(APIView):
    @extend_schema(
        operation_id="listVideos",
        summary="The caller's videos, newest first",
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("after", uuid.UUID)],
        responses=VideoListSerializer,
        tags=["videos"],
    )
    def get(self, request: Request) -> Response:
        query = _Paging(data=request.query_params)
        query.is_valid(raise_exception=True)
        limit = query.validated_data["limit"]
        rows = Video.objects.select_related("upload", "job").filter(owner=request.user.pk)
        rows = rows.defer("job__args", "job__checkpoint", "facts", "strip", "waveform").order_by("-id")
        if "after" in query.validated_data:
            rows = rows.filter(pk__lt=query.validated_data["after"])
        found = list(rows[: limit + 1])
        more = f"{request.path}?limit={limit}&after={found[limit - 1].pk}" if len(found) > limit else None
        return Response({"videos": [show_video(video, item=True) for video in found[:limit]], "next": more})


class VideoView(APIView):
    @extend_schema(operation_id="getVideo", summary="A video", responses=VideoSerializer, tags=["videos"])
    def get(self, request: Request, video_id: uuid.UUID) -> Response:
        return Response(show_video(find_video(request.user, video_id)))

    @extend_schema(
        operation_id="deleteVideo",
        summary="Remove a video, what was made of it, and its file",
        responses={204: OpenApiResponse(description="Gone.")},
        tags=["videos"],
    )
    def delete(self, request: Request, video_id: uuid.UUID) -> Response:
        with transaction.atomic():
            video = find_video(request.user, video_id)
            if video.job is not None and video.job.state in ACTIVE:
                raise Problem(409, "in_use", "Its job has not ended: cancel it first, or wait.")
            keys = [key for field, _ in _PARTS.values() if (key := getattr(video, field))]
            upload = video.upload
            video.delete()
            for key in keys:
                transaction.on_commit(partial(storage.discard, key))
            receiving.let_go(upload)
        return Response(status=204)


class VideoPartView(APIView):
    @extend_schema(
        operation_id="getVideoPart",
        summary="The video, its poster, its thumbnails or its waveform",
        responses={(200, "video/mp4"): bytes, (206, "video/mp4"): bytes},
        tags=["videos"],
    )
    def get(self, request: Request, video_id: uuid.UUID, part: str) -> HttpResponseBase:
        return downloads.send(request._request, made(find_video(request.user, video_id), part))


class VideoLinkView(APIView):
    @extend_schema(
        operation_id="linkVideo",
        summary="An address of the video that works for five minutes, without a header",
        request=None,
        responses=LinkSerializer,
        tags=["videos"],
    )
    def post(self, request: Request, video_id: uuid.UUID) -> Response:
        return Response(downloads.link(request.user, "video", find_video(request.user, video_id).pk))


class LinkedFileView(APIView):
    """What a link shows: while the person it was made for exists, and still may see it."""

    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="getLinkedFile",
        summary="The file of a link",
        responses={(200, "application/octet-stream"): bytes},
        tags=["documents"],
        auth=[],
    )
    def get(self, request: Request, token: str) -> HttpResponseBase:
        user, kind, identity = downloads.read_link(token)
        if request.user.is_authenticated and request.user.pk != user.pk:
            raise Problem(404, "not_found", "This link was made for somebody else.")
        stored = (
            made(find_video(user, identity), "file")
            if kind == "video"
            else original(find_document(user, identity))
        )
        return downloads.send(request._request, stored)
