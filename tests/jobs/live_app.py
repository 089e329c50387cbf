"""The site with what some tests need of it: hints lost on the way, or little patience with slow readers."""

from __future__ import annotations

import os
import random

from config.asgi import application
from jobs import hub, outbox

__all__ = ["application"]

if seconds := os.environ.get("TEST_SEND_SECONDS"):
    outbox.SEND_SECONDS = float(seconds)  # type: ignore[misc]

if share := float(os.environ.get("TEST_LOST_HINTS", "0")):
    dispatch = hub.Hub.dispatch
    chance = random.Random(7)

    def lossy(self: hub.Hub, message: dict[str, object]) -> None:
        if chance.random() >= share:
            dispatch(self, message)

    hub.Hub.dispatch = lossy  # type: ignore[method-assign]
