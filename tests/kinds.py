"""Job kinds that exist in tests only."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from jobs.registry import job_handler


class EchoArgs(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    text: str = Field(default="hello", max_length=1000)
    repeat_count: int = Field(default=1, ge=1, le=100)


@job_handler("tests.echo", queue="ai", args=EchoArgs, type="echo", public=True)
def echo(context: Any, args: EchoArgs) -> dict[str, Any]:
    return {"text": args.text * args.repeat_count}


@job_handler("tests.private", queue="system", args=EchoArgs)
def private(context: Any, args: EchoArgs) -> dict[str, Any]:
    return {}
