"""What the demo prints: the progress of a job, and what was found in a document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from monitoring.demo.following import Update

WIDTH: Final = 100
SHOWN: Final = 4
_MADE: Final = {"video": "videoUrl", "poster": "posterUrl", "strip": "stripUrl", "waveform": "waveformUrl"}


def make_console() -> Console:
    """A console that stays readable in a file and in a wide terminal alike."""
    console = Console(highlight=False)
    return (
        Console(highlight=False, width=min(console.width, WIDTH))
        if console.is_terminal
        else Console(highlight=False, width=WIDTH)
    )


def show_progress(console: Console, updates: Iterable[Update]) -> Update | None:
    """A bar that moves with the job (without a terminal: lines). Returns the last update."""
    last: Update | None = None
    if not console.is_terminal:
        for last in _changes(updates):
            console.print(f"  {last.percent:5.1f} %  {_describe(last)}", markup=False)
        return last
    columns = (
        SpinnerColumn(), BarColumn(bar_width=36), TaskProgressColumn(), TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=False) as bar:
        task = bar.add_task("waits for a worker", total=100)
        for last in updates:
            bar.update(task, completed=last.percent, description=escape(_describe(last)))
    return last


def _changes(updates: Iterable[Update]) -> Iterator[Update]:
    """Of a stream of updates, those worth a line: another state or stage, ten per cent more, or the end."""
    shown: Update | None = None
    for update in updates:
        if (
            shown is None
            or update.job
            or (update.status, update.stage) != (shown.status, shown.stage)
            or update.percent >= shown.percent + 10
        ):
            shown = update
            yield update


def _describe(update: Update) -> str:
    if update.job:
        return update.status
    if update.status == "queued":
        return "waits for a worker to finish it" if update.percent else "waits for a worker"
    counted = update.current is not None and (update.total or 0) > 2
    pages = f"{update.current} of {update.total}" if counted else ""
    if update.message:
        known = " of " in update.message
        return " · ".join(filter(None, [update.stage, update.message, "" if known else pages]))
    return " · ".join(filter(None, [update.stage, pages])) or update.status


def show_document(console: Console, job: dict[str, Any], document: dict[str, Any], seconds: float) -> None:
    """The result as a person reads it. Takes the shapes of API.md, and leaves out what is not there."""
    result = job.get("result") or {}
    chunks = _count(document.get("chunks"), result.get("chunks"), document.get("chunkCount"))
    facts = [
        f"{_count(document.get('pages'), document.get('pageCount'), result.get('pages'))} pages",
        f"{chunks} chunks",
        _vectors(document, result),
        _took(seconds),
    ]
    title = str(document.get("title") or document.get("filename") or "Document")
    _head(console, title, [fact for fact in facts if not fact.startswith("? ")])
    _section(console, "Summary", document.get("summary"), limit=8)
    _section(console, "Themes", document.get("themes") or result.get("themes"), limit=8)
    _section(console, "Quotes", document.get("quotes") or result.get("quotes"))
    _section(console, "Insights", document.get("insights") or result.get("insights"))


def _section(console: Console, title: str, items: Any, limit: int = SHOWN) -> None:
    if isinstance(items, str):
        items = [items]
    if not isinstance(items, list) or not items:
        return
    more = f"  [dim]({limit} of {len(items)})[/dim]" if len(items) > limit else ""
    console.print(f"\n[bold cyan]{title}[/bold cyan]{more}")
    lines = Table.grid(padding=(0, 1))
    for item in items[:limit]:
        lines.add_row("  •", f"{escape(_text(item))}[dim]{escape(_where(item))}[/dim]")
    console.print(lines)


def _text(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    text = str(item.get("text") or item.get("label") or item.get("name") or item.get("title") or "")
    phrases = item.get("keyphrases") or item.get("keywords") or []
    return f"{text}: {', '.join(map(str, phrases[:5]))}" if phrases else text


def _where(item: Any) -> str:
    if not isinstance(item, dict):
        return ""
    pages = [item["page"]] if item.get("page") else sorted(item.get("pages") or [])
    if not pages:
        return ""
    return f"  (p. {', '.join(map(str, pages[:6]))}{' …' if len(pages) > 6 else ''})"


def _count(*values: Any) -> str:
    for value in values:
        if isinstance(value, list):
            return str(len(value))
        if isinstance(value, int):
            return str(value)
    return "?"


def _vectors(document: dict[str, Any], result: dict[str, Any]) -> str:
    found = document.get("embeddings") or result.get("embeddings") or {}
    if not isinstance(found, dict):
        return ""
    engine = found.get("engine") or found.get("model")
    dimension = found.get("dimension") or found.get("dimensions")
    return f"embeddings by {engine}, {dimension} dimensions" if engine else ""


def show_resume(console: Console, job: dict[str, Any], candidate: dict[str, Any], seconds: float) -> None:
    """The profile that was read from a résumé, and how sure that reading is."""
    profile = candidate.get("profile") or {}
    evidence = profile.get("evidence") or {}

    def section(title: str, name: str, text: Callable[[Any], str]) -> None:
        items = [
            f"{text(item)}  ({evidence[key]['confidence']:.0%} sure)" if key in evidence else text(item)
            for item, key in ((item, f"{name}.{at}") for at, item in enumerate(profile.get(name) or []))
        ]
        _section(console, title, items, limit=6)

    _head(console, profile.get("name") or "A résumé", [profile.get("headline") or "", _took(seconds)])
    _section(console, "Summary", profile.get("summary"))
    section("E-mail", "emails", str)
    section("Telephone", "phones", str)
    section("Links", "links", lambda link: f"{link['kind']}: {link['url']}")
    section("Experience", "experience", lambda one: _dated([one.get("title"), one.get("company")], one))
    section("Education", "education", lambda one: _dated([one.get("degree"), one.get("institution")], one))
    _section(console, "Skills", ", ".join(one["name"] for one in profile.get("skills") or []) or None)
    section("Languages", "languages", lambda one: " · ".join(filter(None, [one["name"], one.get("level")])))


def _dated(words: list[str | None], one: dict[str, Any]) -> str:
    end = "now" if one.get("current") else one.get("end")
    span = " – ".join(filter(None, [one.get("start"), end]))
    return " · ".join(filter(None, [", ".join(filter(None, words)), span]))


def show_video(console: Console, job: dict[str, Any], video: dict[str, Any], seconds: float) -> None:
    """What was made of a video, and where it can be seen."""
    facts = [
        f"{video.get('durationS') or 0:.1f} s",
        f"{video.get('width')} × {video.get('height')}",
        f"{(video.get('size') or 0) / 1024:.0f} KB",
        "profile complete" if video.get("profileComplete") else "profile not complete",
        _took(seconds),
    ]
    _head(console, video.get("filename") or "A video", facts)
    loudness = (job.get("result") or {}).get("loudness") or {}
    _section(console, "Sound", [loudness.get("note")] if loudness.get("note") else [])
    made = [f"{name}: {video[key]}" for name, key in _MADE.items() if video.get(key)]
    _section(console, "Made", made)


def _head(console: Console, title: str, facts: list[str]) -> None:
    console.print()
    text = f"[bold]{escape(title)}[/bold]\n{escape(' · '.join(filter(None, facts)))}"
    console.print(Panel(text, expand=False))


def _took(seconds: float) -> str:
    return f"{seconds:.1f} s from upload to result"
