"""Which kinds of job there are, and the function that does each.

A handler registers itself with `@job_handler`; the file is found because it stands in an app's
`handlers` module or package.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import autodiscover_modules
from pydantic import BaseModel, ConfigDict, ValidationError

from jobs import conf
from jobs.exceptions import InvalidArgs, UnknownKind
from jobs.retry import RetryPolicy


class NoArgs(BaseModel):
    """Arguments of a kind that takes none."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Handler:
    """A kind of job: what does it, what it takes, and what it may use.

    `timeout` and `cpu_seconds` are in seconds, `memory_mb` in MiB that a job may add to an empty sandbox.
    `finish(context, args, result, children)` runs when the last child has ended. `public` kinds can be
    created by `POST /api/jobs` under the name `type`. `network` kinds may open connections from the
    sandbox, `secrets` names the settings that stay readable there; a kind with secrets has no use for the
    network on a site where none of them is set. `route` picks queue and priority from the
    validated arguments, where they are not constant.
    """

    kind: str
    function: Callable[..., Any]
    args: type[BaseModel]
    queue: str
    type: str
    timeout: float
    memory_mb: int
    cpu_seconds: float | None
    file_mb: int
    retry: RetryPolicy
    priority: int
    public: bool
    network: bool
    secrets: tuple[str, ...] = ()
    finish: Callable[..., Any] | None = None
    route: Callable[[Any, int], str] | None = None
    precheck: Callable[[Any, Any], None] | None = None
    labels: dict[str, str] = field(default_factory=dict)

    def validate(self, args: dict[str, Any]) -> BaseModel:
        """`args` as this kind's typed arguments; raises InvalidArgs naming each field at fault."""
        try:
            return self.args.model_validate(args)
        except ValidationError as error:
            raise InvalidArgs(field_errors(error)) from None

    @property
    def calls_out(self) -> bool:
        """Whether its jobs open connections of their own on this site."""
        keys = [getattr(settings, name, "") for name in self.secrets]
        return self.network and (not keys or any(keys))

    def queue_for(self, args: BaseModel, priority: int) -> str:
        return self.route(args, priority) if self.route else self.queue


def discover() -> None:
    """Import every app's `handlers` module, or every file of its `handlers` package."""
    autodiscover_modules("handlers")
    for app in apps.get_app_configs():
        package = sys.modules.get(f"{app.name}.handlers")
        for found in pkgutil.iter_modules(getattr(package, "__path__", ())):
            import_module(f"{app.name}.handlers.{found.name}")


_handlers: dict[str, Handler] = {}
_types: dict[str, str] = {}


def job_handler(
    kind: str,
    *,
    queue: str,
    args: type[BaseModel] = NoArgs,
    type: str | None = None,
    timeout: float = conf.DEFAULT_TIMEOUT,
    memory_mb: int = conf.DEFAULT_MEMORY_MB,
    cpu_seconds: float | None = None,
    file_mb: int = 1024,
    retry: RetryPolicy | None = None,
    priority: int = 5,
    public: bool = False,
    network: bool = False,
    secrets: tuple[str, ...] = (),
    finish: Callable[..., Any] | None = None,
    route: Callable[[Any, int], str] | None = None,
    precheck: Callable[[Any, Any], None] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as the handler of `kind`.

    The function takes `(context: JobContext, args)` and returns the job's result, a JSON-serialisable dict
    or None. `type` is the kind's public name (default: the kind). `precheck(args, owner_id)` runs in the
    request that creates the job and raises InvalidInput for what cannot work, as a provider without a key.
    Raises ImproperlyConfigured when the kind or its public name is taken by another function.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        handler = Handler(
            kind=kind,
            function=function,
            args=args,
            queue=queue,
            type=type or kind,
            timeout=timeout,
            memory_mb=memory_mb,
            cpu_seconds=cpu_seconds,
            file_mb=file_mb,
            retry=retry or RetryPolicy(),
            priority=priority,
            public=public,
            network=network,
            secrets=secrets,
            finish=finish,
            route=route,
            precheck=precheck,
        )
        known = _handlers.get(kind)
        if known and known.function.__qualname__ != function.__qualname__:
            raise ImproperlyConfigured(
                f"Two handlers for the kind {kind!r}: {known.function} and {function}."
            )
        if _types.get(handler.type, kind) != kind:
            raise ImproperlyConfigured(f"Two kinds with the public name {handler.type!r}.")
        _handlers[kind] = handler
        _types[handler.type] = kind
        return function

    return register


def get(kind: str) -> Handler:
    """The handler of `kind`; raises UnknownKind."""
    try:
        return _handlers[kind]
    except KeyError:
        raise UnknownKind(f"No handler is registered for the kind {kind!r}.") from None


def by_type(name: str) -> Handler:
    """The public handler called `name` in the API; raises UnknownKind."""
    handler = _handlers.get(_types.get(name, ""))
    if handler is None or not handler.public:
        raise UnknownKind(f"There is no job type {name!r}.")
    return handler


def type_of(kind: str) -> str:
    """The public name of `kind`; the kind itself when its handler is gone."""
    return _handlers[kind].type if kind in _handlers else kind


def kinds_of_type(name: str) -> list[str]:
    """The kinds a filter for the public name `name` matches."""
    return [_types.get(name, name)]


def public_types() -> list[str]:
    return sorted(handler.type for handler in _handlers.values() if handler.public)


def handlers() -> Iterator[Handler]:
    return iter(_handlers.values())


def field_errors(error: ValidationError) -> dict[str, list[str]]:
    """A pydantic error as messages by dotted field path."""
    errors: dict[str, list[str]] = {}
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        errors.setdefault(".".join(str(part) for part in item["loc"]) or "args", []).append(item["msg"])
    return errors
