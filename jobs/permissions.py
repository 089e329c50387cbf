"""What a caller may do beyond looking at what is his (that is `JobQuerySet.visible_to`)."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from jobs.authentication import principal_of


class IsOperator(BasePermission):
    """Staff, calling with all their rights."""

    message = "This is for operators (staff accounts)."

    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user and request.user.is_authenticated and principal_of(request).staff)
