"""Computes from a prober's log how long each service was away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.traffic.sender import events


@dataclass(frozen=True)
class Outage:
    """The downtime of one service: from each first failure to the next success."""

    service: str
    intervals: tuple[tuple[float, float], ...]
    probes: int

    @property
    def total(self) -> float:
        return sum(end - begin for begin, end in self.intervals)

    @property
    def longest(self) -> float:
        return max((end - begin for begin, end in self.intervals), default=0.0)


def outage(service: str, probes: Iterable[dict[str, Any]]) -> Outage:
    """Fold the probes of one service; an outage that never ends lasts to the last probe."""
    seen = sorted(probes, key=lambda probe: probe["time"])
    intervals: list[tuple[float, float]] = []
    down: float | None = None
    for probe in seen:
        if not probe["up"]:
            down = probe["time"] if down is None else down
        elif down is not None:
            intervals.append((down, probe["time"]))
            down = None
    if down is not None:
        intervals.append((down, seen[-1]["time"] + seen[-1]["took"]))
    return Outage(service, tuple(intervals), len(seen))


def downtime(path: Path) -> dict[str, Outage]:
    """Return the outage of every service in a prober's log."""
    with path.open() as file:
        probes = list(events(file))
    names = sorted({probe["service"] for probe in probes})
    return {name: outage(name, (p for p in probes if p["service"] == name)) for name in names}
