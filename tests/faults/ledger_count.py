"""The audit: what became of every accepted job. Plain SQL and the effects file, no code of the engine.

A trigger in the database notes every write that ends a job, so a second end is counted even when the
engine's own events say nothing of it.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

TERMINAL = ("completed", "failed", "cancelled")
_ENDS = "NEW.state IN ('completed', 'failed', 'cancelled')"
POSTGRES_TRIGGER = f"""
CREATE TABLE faults_ends (
  job uuid, state text, attempt int, result jsonb, at timestamptz DEFAULT clock_timestamp()
);
CREATE FUNCTION faults_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO faults_ends (job, state, attempt, result) VALUES (NEW.id, NEW.state, NEW.attempt, NEW.result);
  RETURN NEW;
END $$;
CREATE TRIGGER faults_end AFTER UPDATE OF state ON background_jobs FOR EACH ROW
  WHEN ({_ENDS}) EXECUTE FUNCTION faults_end();
"""
SQLITE_TRIGGER = f"""
CREATE TABLE faults_ends (job text, state text, attempt int, result text, at text DEFAULT CURRENT_TIMESTAMP);
CREATE TRIGGER faults_end AFTER UPDATE OF state ON background_jobs WHEN {_ENDS} BEGIN
  INSERT INTO faults_ends (job, state, attempt, result) VALUES (NEW.id, NEW.state, NEW.attempt, NEW.result);
END;
"""


class Ledger:
    """The ledger as an outsider reads it."""

    def __init__(self, *, postgres: Any = None, sqlite: Path | None = None) -> None:
        self.postgres = postgres
        self.sqlite = sqlite
        self._session: psycopg.Connection[Any] | None = None

    def close(self) -> None:
        if self._session:
            self._session.close()

    def rows(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        """Write placeholders as %s. Ids come as text with dashes, JSON as Python values."""
        if self.postgres:
            found = self._postgres_rows(sql, params)
        else:
            connection = sqlite3.connect(self.sqlite or "", timeout=30)
            try:
                connection.row_factory = sqlite3.Row
                found = [dict(row) for row in connection.execute(sql.replace("%s", "?"), params).fetchall()]
            finally:
                connection.close()
        return [{name: _plain(name, value) for name, value in row.items()} for row in found]

    def _postgres_rows(self, sql: str, params: tuple[Any, ...]) -> list[dict[str, Any]]:
        """Over one session for all looks; a new one when the check has ended it."""
        for last in (False, True):
            try:
                self._session = self._session or self.postgres.connect()
                return self._session.cursor(row_factory=dict_row).execute(sql, params).fetchall()
            except psycopg.OperationalError:
                if self._session:
                    self._session.close()
                self._session = None
                if last:
                    raise
        raise AssertionError

    def job(self, job_id: str) -> dict[str, Any]:
        return self.rows(f"SELECT * FROM background_jobs WHERE id = {self.mark}", self.key(job_id))[0]

    def unfinished(self) -> int:
        return int(
            self.rows(f"SELECT count(*) AS n FROM background_jobs WHERE state NOT IN {TERMINAL}")[0]["n"]
        )

    @property
    def mark(self) -> str:
        return "%s::uuid" if self.postgres else "%s"

    def key(self, job_id: str) -> str:
        return job_id if self.postgres else job_id.replace("-", "")


def _plain(name: str, value: Any) -> Any:
    if name in ("id", "job", "parent_id", "job_id") and value is not None:
        text = str(value)
        return (
            text if len(text) != 32 else "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
        )
    if name in ("result", "error", "data", "args") and isinstance(value, str):
        return json.loads(value)
    return value


@dataclass
class Effects:
    """What jobs did: for each (job, attempt) the words it said, with the wall-clock time of each."""

    path: Path
    said: dict[tuple[str, int], list[tuple[str, float]]] = field(default_factory=dict)
    ended: Counter[str] = field(default_factory=Counter)

    def read(self) -> Effects:
        """Read it anew. `ended` counts, for each run of a handler, how often it came to its end."""
        said: dict[tuple[str, int], list[tuple[str, float]]] = defaultdict(list)
        self.ended = Counter()
        text = self.path.read_text() if self.path.exists() else ""
        for line in text.splitlines():
            job, attempt, word, at, run = line.split()
            said[job, int(attempt)].append((word, float(at)))
            self.ended[run] += word == "end"
        self.said = dict(said)
        return self

    def attempts(self, job: str) -> list[int]:
        return sorted(attempt for other, attempt in self.said if other == job)

    def started(self, job: str, attempt: int = 1) -> bool:
        return any(word == "start" for word, _ in self.said.get((job, attempt), ()))

    def last(self, job: str) -> float:
        """When the job did anything for the last time, on the wall clock of this machine."""
        return max(
            (at for (other, _), words in self.said.items() if other == job for _, at in words), default=0.0
        )


@dataclass
class Count:
    """One line of the table."""

    submitted: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    lost: int = 0
    started_twice: int = 0
    committed_twice: int = 0
    stuck: int = 0


def audit(ledger: Ledger, effects: Effects, accepted: Iterable[str], reruns: Counter[str]) -> Count:
    """Count what became of `accepted` ids. `reruns` says how often a person has run a job again."""
    ids = list(accepted)
    rows = {row["id"]: row for row in ledger.rows("SELECT id, state, attempt, result FROM background_jobs")}
    ends: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for end in ledger.rows("SELECT job, state, attempt, result FROM faults_ends"):
        ends[end["job"]].append(end)
    # An accepted job is never the only one counted: children were accepted with their parent.
    everything = set(ids) | set(rows)
    states = Counter(rows[job]["state"] for job in everything if job in rows)
    starts: Counter[str] = Counter(
        job for (job, _), words in effects.read().said.items() for word, _ in words if word == "start"
    )
    return Count(
        submitted=len(everything),
        completed=states["completed"],
        failed=states["failed"],
        cancelled=states["cancelled"],
        lost=sum(job not in rows for job in ids),
        started_twice=sum(number > 1 for number in starts.values()),
        committed_twice=sum(
            len(ends[job]) > 1 + reruns[job] or any(_foreign(end, effects) for end in ends[job])
            for job in everything
        ),
        stuck=sum(row["state"] not in TERMINAL for row in rows.values()),
    )


def _foreign(end: dict[str, Any], effects: Effects) -> bool:
    """Whether a result was committed for another attempt than its own, or of a run that did not end once."""
    result = end["result"]
    if end["state"] != "completed" or not isinstance(result, dict) or "run" not in result:
        return False
    return bool(result["attempt"] != end["attempt"] or effects.ended[result["run"]] != 1)
