"""One move by each way, with mail flowing, the downtime seen from outside."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab import documented
from lab.bench.result import PARTS, Run
from lab.compare import Comparison, compare
from lab.scene import Scene
from lab.traffic import downtime

# Which part of the downtime a step of transhume's plan belongs to; all others are `other`.
_PART_OF = {
    "freeze": "stop",
    "finish-trees": "files",
    "source-postgresql": "databases",
    "dump-databases": "databases",
    "restore-databases": "databases",
    "finish-databases": "databases",
    "release-address": "address",
    "take-address": "address",
    "start": "start",
}


def by_transhume(run: Scene) -> Run:
    """The move as the README tells it; what it did is read from its own status."""
    run.begin()
    with run.traffic() as (sent, probed):
        begun = time.monotonic()
        run.transhume("sync", "--follow")
        hot = time.monotonic() - begun
        run.transhume("cutover", "--yes")
    status = json.loads(run.transhume("status", "--json").stdout)
    return _seen(run, "transhume", parts_of(status), hot, sent, probed)


def parts_of(status: dict[str, Any]) -> dict[str, float]:
    """Seconds by part of the steps that began while people were shut out."""
    outage = status["service"]["outages"][-1]
    parts = dict.fromkeys(PARTS, 0.0)
    for step in status["steps"]:
        if step["began"] is not None and outage["began"] <= step["began"] <= outage["ended"]:
            parts[_PART_OF.get(step["key"], "other")] += step["seconds"] or 0.0
    return {part: round(seconds, 3) for part, seconds in parts.items()}


def by_the_page(run: Scene) -> Run:
    """The documented procedure, typed command by command by a script."""
    with run.traffic() as (sent, probed):
        begun = time.monotonic()
        documented.hot(run.pair)
        hot = time.monotonic() - begun
        typed = documented.cold(run.pair)
    return _seen(run, "documented", typed, hot, sent, probed)


def _seen(
    run: Scene, way: str, parts: dict[str, float], hot: float, sent: Path, probed: Path
) -> Run:
    outages = {name: outage.longest for name, outage in downtime(probed).items()}
    found = compare(run.pair.source, run.pair.target, log=sent, probe_to=run.filled["addresses"][0])
    return Run(
        way,
        round(max(outages.values()), 2),
        parts,
        {name: round(seconds, 2) for name, seconds in outages.items()},
        round(hot, 2),
        found.counts["accepted"],
        _count(found, ": missing"),
        _count(found, ": doubled"),
        found.differences if way == "transhume" else [],
    )


def _count(found: Comparison, what: str) -> int:
    lines = [line for line in found.differences if line.startswith("message ")]
    return sum(what in line for line in lines)


WAYS: dict[str, Callable[[Scene], Run]] = {"documented": by_the_page, "transhume": by_transhume}
