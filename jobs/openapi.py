"""What the OpenAPI document says of every route: how to sign in, and what an error looks like."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers

from jobs.idempotency import HEADER

IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="The same request with the same key gives the first answer again, for 24 hours.",
)


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457 problem details, as `application/problem+json`."""

    type = serializers.CharField(help_text="A name for this kind of problem, as a URI.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What is wrong and what to do about it.")
    code = serializers.CharField(help_text="Stable and machine-readable.")
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="What is wrong with each field.",
    )


class WrappedProblemSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField(default=False)
    error = ProblemSerializer()


class Schema(AutoSchema):
    """Adds the error answer to every operation, wrapped where the view wraps it."""

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        wrapped = getattr(self.view, "envelope", False)
        component = self.resolve_serializer(
            WrappedProblemSerializer if wrapped else ProblemSerializer, "response"
        )
        bodies.setdefault(
            "default",
            {
                "description": "A problem: bad input (400), no valid token (401), not allowed (403), "
                "not there or somebody else's (404), not in this state (409), too large (413), a reused "
                "Idempotency-Key (422), over a limit (429, Retry-After), database away (503, Retry-After).",
                "content": {"application/problem+json": {"schema": component.ref}},
            },
        )
        return bodies


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "jobs.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "HS256 with the shared secret (claim `userId` or `sub`), RS256/ES256 of the "
            "identity provider, or a token of `POST /api/auth/token`.",
        }


class PageScheme(OpenApiAuthenticationExtension):
    target_class = "jobs.authentication.PageAuthentication"
    name = "cookie"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The built-in pages; changing requests also need the X-CSRFToken header.",
        }


def wrapped(name: str, data: Any) -> Any:
    """The schema of a successful answer of a route that wraps: `{"success": true, "data": …}`."""
    return inline_serializer(name, {"success": serializers.BooleanField(default=True), "data": data})
