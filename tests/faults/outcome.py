"""What a check has found."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.faults.ledger_count import Count


@dataclass
class Fault:
    """A promise that did not hold: which one, and what was seen."""

    promise: str
    seen: str


@dataclass
class Outcome:
    """What a check found: its line of the table, and the promises that did not hold."""

    name: str
    count: Count = field(default_factory=Count)
    recoveries: list[float] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def slowest(self) -> float:
        return max(self.recoveries, default=0.0)
