"""What was Measured of a move so far, and what a step Expects from it of the outage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from transhume.core.event import Event
from transhume.core.lag import Lag

Account = Literal["stop", "files", "databases", "configuration", "address", "proofs", "start"]
"""On which account a step's time goes while people wait."""
ACCOUNTS: tuple[Account, ...] = get_args(Account)


@dataclass(frozen=True)
class Expected:
    """How many seconds something is thought to take, from `low` to `high`, and why so."""

    seconds: float
    low: float
    high: float
    basis: str

    @classmethod
    def as_measured(cls, seconds: float, basis: str) -> Expected:
        """As measured once: the next time is rarely much shorter, and may be twice as long."""
        return cls(seconds, seconds * 0.7, seconds * 2, basis)


@dataclass(frozen=True)
class Measured:
    """Seconds and rates that the journal tells.

    `steps`: how long each step took when it was last made; `changes`: the same of changes, by step
    and title; `lags`: how far each part was behind when that was last measured; `start`: how long
    the source's services took to start, 0 when nobody knows; `rate`: bytes per second of the
    largest copy of a tree, 0 before one was made.
    """

    steps: Mapping[str, float] = field(default_factory=dict)
    changes: Mapping[tuple[str, str], float] = field(default_factory=dict)
    lags: Mapping[str, Lag] = field(default_factory=dict)
    start: float = 0.0
    rate: float = 0.0

    @property
    def caught_up(self) -> Measured:
        """The same move once no part is behind."""
        lags = {name: replace(lag, behind=0.0, seconds=0.0) for name, lag in self.lags.items()}
        return replace(self, lags=lags)

    def rest(self, parts: Iterable[str]) -> float:
        """Seconds that these parts are behind, by their own account or by the rate of copying."""
        return sum(self._rest(self.lags[part]) for part in parts if part in self.lags)

    def _rest(self, lag: Lag) -> float:
        if lag.seconds is not None:
            return lag.seconds
        return lag.behind / self.rate if lag.unit == "bytes" and self.rate else 0.0


def measured(events: Iterable[Event]) -> Measured:
    """Read what was measured out of the events of a move."""
    steps: dict[str, float] = {}
    changes: dict[tuple[str, str], float] = {}
    lags: dict[str, Lag] = {}
    begun: dict[int, Event] = {}
    start, largest, rate = 0.0, 0, 0.0
    for event in events:
        data = event.data
        if event.kind == "change-begun":
            begun[event.id] = event
        elif event.kind == "change-done" and data["change"] in begun:
            first = begun.pop(data["change"]).data
            # Nothing holds it back while people wait.
            changes[first["step"], first["title"]] = data["seconds"] - data.get("held", 0.0)
            moved = _bytes(first["act"])
            if moved > largest and data["seconds"] > 0:
                largest, rate = moved, moved / data["seconds"]
        elif event.kind == "step-done":
            steps[data["step"]] = data["seconds"]
        elif event.kind == "lacks":
            lags[data["part"]] = lag_of(data)
        elif event.kind == "machines":
            start = data["seconds"] or start
    return Measured(steps, changes, lags, start, rate)


def _bytes(act: Mapping[str, object]) -> int:
    expected = act.get("expected", 0)
    return expected if isinstance(expected, int) else 0


def lag_of(data: Mapping[str, object]) -> Lag:
    """The lag that an event tells of."""
    part, behind, unit = str(data["part"]), data["lacking"], str(data["unit"])
    seconds = data.get("seconds")
    return Lag(
        part,
        float(behind) if isinstance(behind, (int, float)) else 0.0,
        unit,
        float(seconds) if isinstance(seconds, (int, float)) else None,
        bool(data.get("following")),
    )
