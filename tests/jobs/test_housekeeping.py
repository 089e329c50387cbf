"""The parent process of a cluster outlives whatever its janitors meet."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from redis.exceptions import ConnectionError as RedisAway

from jobs import cluster, events, janitors, workers
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


@pytest.mark.django_db(transaction=True)
def test_a_cluster_replaced_many_times_leaves_no_file_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster.Cluster, "start", lambda self: None)
    monkeypatch.setattr(cluster.gc, "freeze", lambda: None)
    keeper = Keeper(pool("all"))
    monkeypatch.setattr(keeper, "kill", lambda: None)
    monkeypatch.setattr(keeper, "end_orphans", lambda: None)
    monkeypatch.setattr(keeper, "housekeeping", lambda: None)
    monkeypatch.setattr(cluster.Watchdog, "complaint", lambda self, _: "its sentinel died")
    try:
        keeper.start()
        keeper.tick()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            keeper.tick()
        assert len(os.listdir("/proc/self/fd")) == before
    finally:
        assert keeper.cluster is not None
        keeper.cluster.board.close()
        events.drop_runner()
