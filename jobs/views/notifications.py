"""When a person wants to be told of ended jobs by e-mail."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import preferences
from jobs.models import NotificationPreference
from jobs.problems import Problem
from jobs.states import EmailOn


class NotificationPreferenceSerializer(serializers.Serializer[Any]):
    email = serializers.ChoiceField(
        EmailOn.choices, help_text="when a job of yours ends: never, failures, always"
    )
    address = serializers.CharField(read_only=True, help_text="where to: your account's address")


class NotificationsView(APIView):
    @extend_schema(
        operation_id="getNotifications",
        summary="When you are told of ended jobs by e-mail",
        responses=NotificationPreferenceSerializer,
        tags=["Who may call"],
    )
    def get(self, request: Request) -> Response:
        row = NotificationPreference.objects.filter(pk=request.user.pk).first()
        return _shown(request, row.email if row else EmailOn.NEVER)

    @extend_schema(
        operation_id="setNotifications",
        summary="Be told of ended jobs by e-mail, or not",
        request=NotificationPreferenceSerializer,
        responses=NotificationPreferenceSerializer,
        tags=["Who may call"],
    )
    def put(self, request: Request) -> Response:
        asked = NotificationPreferenceSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data["email"]
        if wanted != EmailOn.NEVER and not getattr(request.user, "email", ""):
            raise Problem(
                400,
                "no_address",
                "Your account has no e-mail address: ask an operator to enter one, then try again.",
                errors={"email": ["There is no address to send to."]},
            )
        NotificationPreference.objects.update_or_create(pk=request.user.pk, defaults={"email": wanted})
        preferences.forget(request.user.pk)
        return _shown(request, wanted)


def _shown(request: Request, wanted: str) -> Response:
    return Response({"email": wanted, "address": getattr(request.user, "email", "")})
