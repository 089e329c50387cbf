"""What a receiver of notifications needs to check them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs import webhooks


class WebhookSecretSerializer(serializers.Serializer[Any]):
    secret = serializers.CharField(help_text="`whsec_…`, as Standard Webhooks libraries take it")


class WebhookSecretView(APIView):
    @extend_schema(
        operation_id="getWebhookSecret",
        summary="The secret that signs the notifications to your callback addresses",
        responses={200: WebhookSecretSerializer},
        tags=["Who may call"],
    )
    def get(self, request: Request) -> Response:
        return Response({"secret": webhooks.secret(request.user.pk)}, headers={"Cache-Control": "no-store"})
