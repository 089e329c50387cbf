"""The web process: HTTP and WebSocket, on any ASGI server."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DATABASE_POOL", "20")

from channels.routing import ProtocolTypeRouter
from django.conf import settings
from django.core.asgi import get_asgi_application

# Bodies are spooled where uploads are kept: /tmp may be small, or be memory.
tempfile.tempdir = settings.FILE_UPLOAD_TEMP_DIR

# Django first: it loads the apps that the routes import.
http = get_asgi_application()

from jobs.routing import WebSockets  # noqa: E402
from uploads.gate import UploadGate  # noqa: E402

application = ProtocolTypeRouter({"http": UploadGate(http), "websocket": WebSockets()})
