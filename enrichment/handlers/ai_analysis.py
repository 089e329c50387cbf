"""`ai-analysis`: a paper read by several providers at once, side by side, with what they agree on."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from enrichment import engines
from enrichment.analysis import agreement
from enrichment.arguments import PaperArgs, check_paper
from enrichment.handlers.paper import find_paper
from enrichment.models import Paper
from jobs.context import Child, JobContext
from jobs.exceptions import PermanentError
from jobs.registry import job_handler

READING: Final = "document.process"
ANALYSING: Final = "paper.analyse"


def finish_analysis(
    context: JobContext, args: PaperArgs, result: dict[str, Any], children: list[Child]
) -> dict[str, Any]:
    """After the reading of a file: the providers. After those: their answers, compared.

    One that failed leaves the others' results; when all failed, so does the job.
    """
    readers = [child for child in children if child.kind == ANALYSING]
    if not readers:
        _check_read(children)
        _spawn(context, args, find_paper(context, args.paper_id))
        return result
    done = {c.args["provider"]: c.result for c in readers if c.state == "completed"}
    errors = {
        c.args["provider"]: c.error or {"code": "cancelled", "message": "It was cancelled."}
        for c in readers
        if c.state != "completed"
    }
    if not done:
        raise _all_failed(errors)
    return {
        "paperId": str(args.paper_id),
        "providers": [c.args["provider"] for c in readers],
        "analyses": done,
        "errors": errors,
        "partialSuccess": bool(errors),
        "agreement": compared({name: one["data"] for name, one in done.items()}),
    }


@job_handler(
    "paper.compare",
    queue="ai",
    args=PaperArgs,
    type="ai-analysis",
    public=True,
    precheck=check_paper,
    timeout=120,
    memory_mb=768,
    cpu_seconds=60,
    finish=finish_analysis,
    secrets=("OPENAI_API_KEY", "ANTHROPIC_API_KEY"),
)
def compare_readings(context: JobContext, args: PaperArgs) -> dict[str, Any]:
    """Have an uploaded file read first, where that has not been done; then a child for each provider."""
    paper = find_paper(context, args.paper_id)
    if paper.document is not None and not paper.document.chunks.exists():
        context.stages(read=1, children=99)
        context.stage("read", message="reading the file")
        context.progress(1, 1, metadata={"children_expected": 1 + len(_names(args))})
        context.spawn(READING, {"documentId": str(paper.document_id)})
    else:
        context.stages(children=1)
        _spawn(context, args, paper)
    return {"paperId": str(paper.pk)}


def compared(readings: dict[str, Any]) -> dict[str, Any] | None:
    """Agreement and differences of several readings as results show them; None of fewer than two."""
    if len(readings) < 2:
        return None
    found = asdict(agreement.compare(readings))
    return {
        "score": found["score"],
        "method": found["method"],
        "shared": found["shared"],
        "conflicts": found["conflicts"],
        "only": found["only"],
        "sharedKeywords": found["shared_keywords"],
    }


def _names(args: PaperArgs) -> list[str]:
    return args.providers or engines.configured() or ["builtin"]


def _spawn(context: JobContext, args: PaperArgs, paper: Paper) -> None:
    for name in _names(args):
        context.spawn(ANALYSING, {"paperId": str(paper.pk), "provider": name})


def _check_read(children: list[Child]) -> None:
    failed = next((child for child in children if child.state != "completed"), None)
    if failed is not None:
        error = failed.error or {}
        raise PermanentError(
            f"The file could not be read: {error.get('message', 'it was cancelled.')}",
            code=str(error.get("code", "unreadable")),
        )


def _all_failed(errors: dict[str, dict[str, Any]]) -> PermanentError:
    told = " ".join(f"{name}: {error.get('message', '')}" for name, error in errors.items())
    codes = {str(error.get("code", "failed")) for error in errors.values()}
    code = codes.pop() if len(codes) == 1 else "all_failed"
    return PermanentError(f"No provider could read the paper. {told}", code=code)
