"""Kinds are found by themselves, and two of one name are refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from django.apps import AppConfig, apps
from django.core.exceptions import ImproperlyConfigured

from jobs import registry
from jobs.exceptions import InvalidArgs, UnknownKind
from jobs.registry import job_handler


def test_a_new_file_in_an_apps_handlers_is_a_new_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shoutapp" / "handlers"
    folder.mkdir(parents=True)
    (tmp_path / "shoutapp" / "__init__.py").write_text("")
    (folder / "__init__.py").write_text("")
    (folder / "shout.py").write_text(
        "from jobs.registry import job_handler\n\n"
        "@job_handler('text.shout', type='shout', queue='ai', public=True)\n"
        "def shout(context, args):\n    return {}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "_handlers", dict(registry._handlers))
    monkeypatch.setattr(registry, "_types", dict(registry._types))
    configs = [*apps.get_app_configs(), AppConfig.create("shoutapp")]
    monkeypatch.setattr(apps, "get_app_configs", lambda: configs)
    registry.discover()
    assert registry.by_type("shout").kind == "text.shout"
    for name in [name for name in sys.modules if name.startswith("shoutapp")]:
        del sys.modules[name]


def test_two_functions_cannot_do_one_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_handlers", dict(registry._handlers))

    def other(context: Any, args: Any) -> None: ...

    with pytest.raises(ImproperlyConfigured, match="Two handlers"):
        job_handler("tests.echo", queue="ai")(other)


def test_a_public_name_belongs_to_one_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_handlers", dict(registry._handlers))

    def other(context: Any, args: Any) -> None: ...

    with pytest.raises(ImproperlyConfigured, match="public name"):
        job_handler("tests.other", type="echo", queue="ai")(other)


def test_a_kind_that_is_not_public_is_unknown_to_callers() -> None:
    assert registry.get("tests.private").queue == "system"
    with pytest.raises(UnknownKind):
        registry.by_type("tests.private")


def test_an_argument_that_does_not_fit_is_named() -> None:
    with pytest.raises(InvalidArgs) as caught:
        registry.get("tests.echo").validate({"repeatCount": 1000, "more": 1})
    assert set(caught.value.errors) == {"repeatCount", "more"}
