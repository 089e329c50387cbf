"""What a job may reach: the kernel and Python both refuse the rest."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest

import tests.workload.handlers  # noqa: F401  registers the kinds that call out
from config import environment
from jobs import landlock, registry
from jobs.executor import Worker
from jobs.states import State
from tests.jobs.test_executor import performed, worker
from tests.services import REQUIRED

__all__ = ["worker"]


@pytest.fixture
def port() -> Iterator[int]:
    """A port of this machine where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def held() -> None:
    """The kernel can hold a process to it."""
    if landlock.abi() < 6:
        reason = f"this kernel has Landlock {landlock.abi()}: 6 is needed"
        assert not REQUIRED, reason
        pytest.skip(reason)


@pytest.mark.usefixtures("held")
def test_native_code_of_a_job_without_the_network_connects_to_nothing(
    worker: Worker, user: Any, port: int
) -> None:
    job = performed(worker, user, "work.bad", mode="native_connect", steps=port)
    assert job.result == {"errno": errno.EACCES}


@pytest.mark.usefixtures("held")
def test_the_sites_own_servers_stay_within_reach_of_native_code(
    worker: Worker, user: Any, port: int, settings: Any
) -> None:
    settings.SANDBOX_PORTS = [*settings.SANDBOX_PORTS, port]
    job = performed(worker, user, "work.bad", mode="native_connect", steps=port)
    assert job.result == {"errno": 0}


@pytest.mark.usefixtures("held")
def test_a_job_sends_no_signal_to_its_worker(worker: Worker, user: Any) -> None:
    job = performed(worker, user, "work.bad", mode="signal_worker")
    assert job.failures.get().error_class == "builtins.PermissionError"


def test_a_kind_that_calls_out_does_so_also_after_one_that_must_not(
    worker: Worker, user: Any, port: int
) -> None:
    assert performed(worker, user, "work.call", steps=port).result == {"errno": 0}
    assert worker.sandbox is not None
    first = worker.sandbox.pid
    refused = performed(worker, user, "work.bad", mode="connect")
    assert refused.failures.get().error_class == "builtins.PermissionError"
    assert worker.sandbox.pid == first
    assert performed(worker, user, "work.call", steps=port).result == {"errno": 0}
    assert worker.sandbox.pid != first


def test_a_kind_whose_keys_are_not_set_does_not_call_out(worker: Worker, user: Any, settings: Any) -> None:
    handler = registry.get("document.analyse")
    settings.OPENAI_API_KEY = settings.ANTHROPIC_API_KEY = ""
    assert not handler.calls_out and registry.get("jobs.webhook").calls_out
    settings.ANTHROPIC_API_KEY = "sk-test-key"
    assert handler.calls_out and not registry.get("document.process").calls_out


def test_where_the_kernel_cannot_python_still_refuses(
    worker: Worker, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    job = performed(worker, user, "work.bad", mode="connect")
    assert job.state == State.RETRYING
    assert job.failures.get().error_class == "builtins.PermissionError"


@pytest.mark.parametrize(
    ("urls", "ports"),
    [
        (["sqlite:////data/db.sqlite3", ""], []),
        (["postgresql://u:p@db:6432/x", "redis://r/0"], [6379, 6432]),
        (["postgres://a:1,b:2/x", "redis://h:port/0", "unix:///redis.sock"], []),
        (["postgres://db/x", "rediss://r:6380", "https://s3"], [443, 5432, 6380]),
    ],
)
def test_the_ports_of_the_sites_servers(urls: list[str], ports: list[int]) -> None:
    assert environment.ports(*urls) == ports
