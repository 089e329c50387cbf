"""tus 1.0 at `/api/uploads`: the small requests. `uploads.gate` wrote their bodies before they come here."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils.http import http_date
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.problems import Problem
from jobs.views.base import CREATE_THROTTLES
from uploads import conf
from uploads.models import ResumableUpload
from uploads.refusals import problem_of
from uploads.resumable import finishing, leases, protocol
from uploads.resumable.appending import RECEIVED, Received

_HEADERS = [
    OpenApiParameter("Tus-Resumable", str, OpenApiParameter.HEADER, required=True, description="1.0.0"),
    OpenApiParameter("Upload-Length", int, OpenApiParameter.HEADER),
    OpenApiParameter("Upload-Offset", int, OpenApiParameter.HEADER),
    OpenApiParameter("Upload-Metadata", str, OpenApiParameter.HEADER),
    OpenApiParameter("Upload-Checksum", str, OpenApiParameter.HEADER),
]
_DONE = OpenApiResponse(description="Done; see the headers.")


class _NoParser(BaseParser):
    """The body is not Django's to read."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return {}


class _Resumable(APIView):
    parser_classes = [_NoParser]

    def get_permissions(self) -> list[Any]:
        return [AllowAny()] if self.request.method == "OPTIONS" else [IsAuthenticated()]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if problem := problem_of(request._request):
            problem.headers.setdefault("Tus-Resumable", protocol.VERSION)
            raise problem
        if request.method != "OPTIONS":
            protocol.check_version({name.lower(): value for name, value in request.headers.items()})

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Tus-Resumable"] = protocol.VERSION
        response["Cache-Control"] = "no-store"
        return response

    @extend_schema(exclude=True)
    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        return Response(
            status=204,
            headers={
                "Tus-Version": protocol.VERSION,
                "Tus-Extension": protocol.EXTENSIONS,
                "Tus-Max-Size": str(max(conf.max_document_bytes(), conf.max_video_bytes())),
                "Tus-Checksum-Algorithm": ",".join(protocol.ALGORITHMS),
            },
        )

    def received(self, request: Request) -> Received:
        found: Received | None = getattr(request._request, "scope", {}).get(RECEIVED)
        if found is None:
            raise Problem(501, "not_streaming", "Resumable uploads need the site's ASGI application.")
        return found


class ResumableUploadsView(_Resumable):
    def get_throttles(self) -> list[Any]:
        if self.request.method == "POST":
            return [throttle() for throttle in CREATE_THROTTLES]
        return super().get_throttles()

    @extend_schema(
        operation_id="createResumableUpload",
        summary="Announce a file (tus creation), with its first bytes if you like",
        description="`Upload-Metadata` names `filename`, `kind` (document, resume or video) and the options "
        "of the multipart route: useAI, generateSummary, generateEmbeddings, reprocess, password.",
        parameters=_HEADERS,
        request={"application/offset+octet-stream": bytes},
        responses={201: _DONE},
        tags=["uploads"],
    )
    def post(self, request: Request) -> Response:
        received = self.received(request)
        creation = protocol.read_creation({name.lower(): value for name, value in request.headers.items()})
        try:
            upload = leases.create(creation, request.user, arrived=received.arrived)
        finally:
            if received.arrived is not None:
                received.arrived.unlink(missing_ok=True)
        if upload.offset == upload.length:
            finishing.finish(upload)
        headers = {"Location": request.build_absolute_uri(f"{request.path}/{upload.pk}"), **state(upload)}
        return Response(status=201, headers=headers)


class ResumableUploadView(_Resumable):
    @extend_schema(
        operation_id="getResumableUpload",
        summary="How much of the file is there",
        parameters=_HEADERS[:1],
        responses={200: _DONE},
        tags=["uploads"],
    )
    def head(self, request: Request, upload_id: uuid.UUID) -> Response:
        upload = leases.find(upload_id, request.user)
        leases.check_bytes(upload)
        if upload.offset == upload.length and upload.job_id is None:
            finishing.finish(upload)
        more = {"Upload-Length": str(upload.length)}
        if upload.metadata:
            more["Upload-Metadata"] = upload.metadata
        return Response(status=200, headers={**state(upload), **more})

    @extend_schema(
        operation_id="appendResumableUpload",
        summary="Bytes at an offset; the last ones make the job",
        parameters=_HEADERS,
        request={"application/offset+octet-stream": bytes},
        responses={204: _DONE},
        tags=["uploads"],
    )
    def patch(self, request: Request, upload_id: uuid.UUID) -> Response:
        self.received(request)
        upload = leases.find(upload_id, request.user)
        if upload.offset == upload.length:
            finishing.finish(upload)
        return Response(status=204, headers=state(upload))

    @extend_schema(
        operation_id="removeResumableUpload",
        summary="Give the upload up (tus termination)",
        parameters=_HEADERS[:1],
        responses={204: _DONE},
        tags=["uploads"],
    )
    def delete(self, request: Request, upload_id: uuid.UUID) -> Response:
        finishing.forget(leases.find(upload_id, request.user))
        return Response(status=204)


def state(upload: ResumableUpload) -> dict[str, str]:
    """Where an upload is, in headers."""
    found = {"Upload-Offset": str(upload.offset), "Upload-Expires": http_date(upload.expires_at.timestamp())}
    if upload.job_id:
        found[protocol.JOB_HEADER] = str(upload.job_id)
    return found
