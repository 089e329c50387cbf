"""The parent process of a cluster outlives whatever its janitors meet."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from redis.exceptions import ConnectionError as RedisAway

from jobs import janitors, workers
from jobs.cluster import Keeper
from jobs.conf import pool
from jobs.maintenance import rescuer, scheduler


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, RedisAway, TypeError])
def test_a_janitor_that_goes_wrong_does_not_end_the_cluster(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*args: Any) -> None:
        raise error("wrong")

    monkeypatch.setattr(workers, "record", wrong)
    keeper = Keeper(pool("all"))
    keeper.cluster = SimpleNamespace(board=None, broker=None)  # type: ignore[assignment]

    keeper.housekeeping()


def test_cleaning_and_alerts_go_on_while_redis_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(broker: Any) -> None:
        raise RedisAway("away")

    done: list[str] = []
    for name in ("rescue_local", "rescue_expired"):
        monkeypatch.setattr(rescuer, name, lambda: 0)
    monkeypatch.setattr(scheduler, "schedule", away)
    crew = janitors.Janitors()
    crew._due = [(0.0, 60.0, lambda: done.append("cleaned"))]

    with pytest.raises(RedisAway):
        crew.round(SimpleNamespace())  # type: ignore[arg-type]

    assert done == ["cleaned"]
