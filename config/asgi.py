"""The web process: HTTP and WebSocket, on any ASGI server."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DATABASE_POOL", "20")

from django.core.asgi import get_asgi_application

application = get_asgi_application()
