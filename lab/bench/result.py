"""What the runs of a benchmark showed: medians, ratios, and where the downtime went."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

PARTS = ("stop", "files", "databases", "configuration", "address", "start", "proofs")
"""Where downtime goes. The documented procedure copies its configuration as files."""


@dataclass(frozen=True)
class Run:
    """One move: the downtime as seen from outside, and its parts, in seconds.

    Parts that go on side by side each count whole, so their sum may exceed the downtime.
    `services` is what systemd takes to stop and to start them, however little is left to copy: for
    transhume by the machines' journals, for the documented procedure what its lines took.
    """

    way: str
    downtime: float
    parts: dict[str, float]
    services: float
    by_service: dict[str, float]
    hot: float
    accepted: int
    missing: int
    doubled: int
    differences: list[str] = field(default_factory=list)

    @property
    def overhead(self) -> float:
        """The downtime less stopping and starting the services."""
        return self.downtime - self.services


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    """The figures of one size: medians over the runs of each way, and their ratio."""
    ways = {way: [run for run in runs if run.way == way] for way in ("documented", "transhume")}
    middle = {way: statistics.median(run.downtime for run in ways[way]) for way in ways}
    ours = ways["transhume"]
    return {
        "documented_downtime_seconds": round(middle["documented"], 2),
        "transhume_downtime_seconds": round(middle["transhume"], 2),
        "transhume_overhead_seconds": round(statistics.median(run.overhead for run in ours), 2),
        "ratio": round(middle["documented"] / middle["transhume"], 2),
        "messages_accepted": sum(run.accepted for run in ours),
        "messages_missing": sum(run.missing for run in ours),
        "messages_doubled": sum(run.doubled for run in ours),
        "documented_messages_missing": sum(run.missing for run in ways["documented"]),
        "differences": sorted({line for run in ours for line in run.differences}),
        "parts": {way: _parts(ways[way]) for way in ways},
        "runs": [asdict(run) for run in runs],
    }


def _parts(runs: Sequence[Run]) -> dict[str, float]:
    return {part: round(statistics.median(run.parts[part] for run in runs), 2) for part in PARTS}


def today() -> str:
    """The day that a result is of, YYYY-MM-DD in UTC."""
    return datetime.now(timezone.utc).date().isoformat()
