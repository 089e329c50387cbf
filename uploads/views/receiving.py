"""The routes that take files in a multipart body."""

from __future__ import annotations

import hashlib
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import estimates, listing
from jobs.idempotency import fingerprint, idempotent
from jobs.models import Job
from jobs.openapi import IDEMPOTENCY_KEY
from jobs.problems import Problem
from jobs.views.base import CREATE_THROTTLES, actor
from uploads import accepting, conf, forms, receiving, signatures, staging
from uploads.accepting import Accepted, Batch
from uploads.models import Purpose
from uploads.refusals import problem_of
from uploads.serializers import (
    AcceptedFileSerializer,
    AsyncStatusSerializer,
    AsyncUploadSerializer,
    QueueStatusAnswer,
    async_status,
    file_request,
)


class ReceivingView(APIView):
    """Has the form's files on disk before anything else may touch the body."""

    parser_classes = [receiving.StagedFormParser]
    purpose: Purpose

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        problem = problem_of(request._request)
        if staging.is_form(request.content_type or ""):
            # The CSRF check of a session reads the form, so it must be there before.
            try:
                receiving.read_form(request._request)
            except Problem as error:
                problem = error
        super().initial(request, *args, **kwargs)
        if problem is not None:
            raise problem

    def get_throttles(self) -> list[Any]:
        if self.request.method == "POST":
            return [throttle() for throttle in CREATE_THROTTLES]
        return super().get_throttles()


def same_request(request: Request, files: list[UploadedFile]) -> str:
    """What makes two multipart requests the same: their fields and the bytes and names of their files."""
    data: Any = request.data
    fields = {name: data.getlist(name) for name in data if name not in request.FILES}
    if "password" in fields:
        fields["password"] = hashlib.sha256(repr(fields["password"]).encode()).hexdigest()
    return fingerprint(request, fields, [[file.name, staging.sha256_of(file)] for file in files])


class AsyncUploadView(ReceivingView):
    """Documents in, jobs out; and the same jobs in the shape that clients of this route know."""

    purpose = Purpose.DOCUMENT
    job_id_parameter = "jobId"

    @extend_schema(
        operation_id="uploadDocuments",
        summary="Upload documents; each becomes a job",
        description=f"PDF, DOCX, ODT, HTML, RTF, text, Markdown and e-mail, up to {conf.MAX_FILES} files. "
        "A file whose same bytes you have sent before is answered with the job it was, unless `reprocess`.",
        parameters=[IDEMPOTENCY_KEY],
        request={"multipart/form-data": file_request("files", many=True)},
        responses={202: AsyncUploadSerializer},
        tags=["documents"],
    )
    def post(self, request: Request) -> Response:
        files = receiving.received(request, "files")
        options = forms.options_of(request)
        with accepting.batch() as batch:
            uploads = [
                batch.take(
                    file,
                    owner=request.user,
                    purpose=self.purpose,
                    accept=signatures.DOCUMENTS,
                    name="files",
                )
                for file in files
            ]

            def create() -> tuple[int, dict[str, Any]]:
                accepted = accepting.documents(
                    uploads, owner=request.user, options=options, actor=actor(request)
                )
                for one in accepted:
                    batch.use(one)
                return 202, {
                    "success": True,
                    "message": f"{len(accepted)} documents queued for processing",
                    "jobs": [
                        {"jobId": str(one.job.pk), "filename": upload.name, "size": upload.size}
                        for one, upload in zip(accepted, uploads, strict=True)
                    ],
                    "queueStatus": queue_status(request),
                }

            return idempotent(request, same_request(request, files), create)

    @extend_schema(
        operation_id="getDocumentJob",
        summary="One document's job (with `jobId`), or the document queue's counts",
        parameters=[OpenApiParameter("jobId", str)],
        responses={200: AsyncStatusSerializer, 203: QueueStatusAnswer},
        tags=["documents"],
    )
    def get(self, request: Request) -> Response:
        asked = request.query_params.get("jobId")
        if asked is None:
            return Response({"queueStatus": queue_status(request)})
        query = _JobQuery(data={"jobId": asked})
        query.is_valid(raise_exception=True)
        job = (
            Job.objects.visible_to(request.user)
            .select_related("progress")
            .filter(pk=query.validated_data["jobId"], kind="document.process")
            .first()
        )
        if job is None:
            raise Problem(404, "not_found", "There is no such document job among yours.")
        return Response(async_status(job))


class _JobQuery(serializers.Serializer[Any]):
    jobId = serializers.UUIDField()


def queue_status(request: Request) -> dict[str, int]:
    """How the caller's document jobs stand."""
    jobs = Job.objects.visible_to(request.user).filter(queue="document", parent=None)
    return listing.queue_status(jobs, everyone=bool(request.user.is_staff))


class SingleFileView(ReceivingView):
    """One file under one field, answered in the wrapped shape."""

    envelope = True
    field = ""
    label = ""
    accept: frozenset[str] = frozenset()

    def accepted(self, batch: Batch, request: Request, file: UploadedFile) -> Response:
        options = forms.options_of(request)
        upload = batch.take(
            file, owner=request.user, purpose=self.purpose, accept=self.accept, name=self.field
        )
        accept = accepting.video if self.purpose == Purpose.VIDEO else accepting.resume

        def create() -> tuple[int, dict[str, Any]]:
            found: Accepted = accept(upload, owner=request.user, options=options, actor=actor(request))
            batch.use(found)
            return 202, {
                "success": True,
                "data": {
                    "jobId": str(found.job.pk),
                    "status": str(found.job.state),
                    "estimatedWait": estimates.expected_wait_ms(found.job),
                    "fileName": f"{found.upload.pk}.{found.upload.key.rpartition('.')[2]}",
                },
                "message": f"{self.label} upload queued for processing",
            }

        return idempotent(request, same_request(request, [file]), create)

    def receive(self, request: Request) -> Response:
        files = receiving.received(request, self.field)
        with accepting.batch() as batch:
            return self.accepted(batch, request, files[0])


class VideoIntroView(SingleFileView):
    purpose = Purpose.VIDEO
    field = "video"
    label = "Video"
    accept = signatures.VIDEOS

    @extend_schema(
        operation_id="uploadVideoIntro",
        summary="Upload a video introduction (WebM, MP4, MOV)",
        parameters=[IDEMPOTENCY_KEY],
        request={"multipart/form-data": file_request("video", ai=False)},
        responses={202: AcceptedFileSerializer},
        tags=["videos"],
    )
    def post(self, request: Request) -> Response:
        return self.receive(request)


class ResumeView(SingleFileView):
    purpose = Purpose.RESUME
    field = "resume"
    label = "Resume"
    accept = signatures.RESUMES

    @extend_schema(
        operation_id="uploadResume",
        summary="Upload a résumé; its job finds the profile",
        parameters=[IDEMPOTENCY_KEY],
        request={"multipart/form-data": file_request("resume", ai=False, password=True)},
        responses={202: AcceptedFileSerializer},
        tags=["documents"],
    )
    def post(self, request: Request) -> Response:
        return self.receive(request)
