"""Tokens for local accounts, and tickets for sockets and streams."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import local_tokens, tickets
from jobs.authentication import principal_of
from jobs.models import Job
from jobs.problems import Problem
from jobs.throttling import LoginRate

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="api"'}


class CredentialsSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False, write_only=True)


class RefreshSerializer(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=8192)


class TokenPairSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField(help_text="Good once: every refresh returns a new one.")
    expiresIn = serializers.IntegerField(help_text="seconds until the access token ends")


class TicketRequestSerializer(serializers.Serializer[Any]):
    jobId = serializers.UUIDField(required=False, help_text="Narrow the ticket to this job.")


class TicketSerializer(serializers.Serializer[Any]):
    ticket = serializers.CharField()
    expiresIn = serializers.IntegerField(help_text="seconds")


class TokenView(APIView):
    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]
    throttle_classes = [LoginRate]
    body_limit = 16_384

    @extend_schema(
        operation_id="createToken",
        summary="Sign in to a local account",
        request=CredentialsSerializer,
        responses={200: TokenPairSerializer},
        tags=["Who may call"],
    )
    @sensitive_variables()
    def post(self, request: Request) -> Response:
        body = CredentialsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user = authenticate(request._request, **body.validated_data)
        if user is None:
            raise Problem(
                401,
                "invalid_credentials",
                "No active account has this name and password.",
                headers=_CHALLENGE,
            )
        return _secret(local_tokens.issue_pair(user))


class TokenRefreshView(APIView):
    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]
    throttle_classes = [LoginRate]
    body_limit = 16_384

    @extend_schema(
        operation_id="refreshToken",
        summary="A new pair of tokens for a refresh token",
        request=RefreshSerializer,
        responses={200: TokenPairSerializer},
        tags=["Who may call"],
    )
    @sensitive_variables()
    def post(self, request: Request) -> Response:
        body = RefreshSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            return _secret(local_tokens.rotate(body.validated_data["refresh"]))
        except local_tokens.TokenRefused as refused:
            raise Problem(401, "invalid_token", str(refused), headers=_CHALLENGE) from None


class TicketView(APIView):
    # A page that holds only a job's token must still be able to open a stream, which takes no header.
    accepts_job_tokens = True
    body_limit = 16_384

    @extend_schema(
        operation_id="createTicket",
        summary="A single-use 30-second ticket for the WebSocket or an event stream",
        request=TicketRequestSerializer,
        responses={201: TicketSerializer},
        tags=["Who may call"],
    )
    def post(self, request: Request) -> Response:
        body = TicketRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        principal = principal_of(request)
        job_id = body.validated_data.get("jobId") or principal.job_id
        if job_id is not None:
            visible = Job.objects.visible_to(request.user).filter(pk=job_id).exists()
            if not visible or principal.job_id not in (None, job_id):
                raise Problem(404, "not_found", "There is no such job among yours.")
        answer = _secret(
            {
                "ticket": tickets.issue(request.user, job_id),
                "expiresIn": int(tickets.LIFETIME.total_seconds()),
            }
        )
        answer.status_code = 201
        return answer


def _secret(body: dict[str, Any]) -> Response:
    return Response(body, headers={"Cache-Control": "no-store"})
