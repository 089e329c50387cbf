"""Protections of those who watch, taken away, and messages that get lost on the way to them."""

from __future__ import annotations

import random
from typing import Any


def messages() -> None:
    """Three of ten messages never reach the channel layer: a fault, not a protection."""
    from jobs import events

    publish = events.publish

    def lossy(*args: Any) -> None:
        if random.random() >= 0.3:
            publish(*args)

    events.publish = lossy


def second_look() -> None:
    """Watchers believe that every message comes."""
    import asyncio

    from jobs.hub import Hub

    async def never(self: Any) -> None:
        await asyncio.Event().wait()

    Hub._look = never  # type: ignore[method-assign]
    Hub._wake_group = lambda self, group: None  # type: ignore[method-assign]


def own_ear() -> None:
    """Each socket listens to the channel layer itself, as Channels has it, and ends with it."""
    from django.conf import settings

    from jobs.consumers import JobsConsumer

    JobsConsumer.channel_layer_alias = "default"
    settings.CHANNEL_LAYERS["default"]["BACKEND"] = "channels_redis.core.RedisChannelLayer"
    settings.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"][0]["socket_timeout"] = 5


def send_deadline() -> None:
    """A message to a client may wait for ever."""
    from jobs import outbox

    outbox.SEND_SECONDS = 10**6  # type: ignore[misc]
