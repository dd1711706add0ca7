"""Measures the way back: python -m lab.bench.back S|M|L.

There, an hour's work on the new server, back with all of it, and there again, with mail flowing.
Medians go to build/bench/back-SIZE.json. Disks that `lab.bench` kept for its next run are used.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from lab.bench import back_page, systemd
from lab.bench.__main__ import machine
from lab.bench.result import today
from lab.bench.sizes import SIZES
from lab.bench.stock import offered, provided
from lab.compare import compare, mail, observe
from lab.scene import Scene
from lab.shell import LabError, say
from lab.traffic import Outage, accepted, downtime
from lab.work import lacks, work

SWITCHES = ("there", "back", "there again")
_SETTLE = 60.0


@dataclass(frozen=True)
class Switch:
    """One switch: seconds of downtime as seen from outside, and what of it systemd took to stop
    and to start the services."""

    way: str
    downtime: float
    services: float


@dataclass(frozen=True)
class Trip:
    """All three, what became of the mail, and what differed from what it should be."""

    switches: tuple[Switch, ...]
    accepted: int
    missing: int
    doubled: int
    differences: tuple[str, ...]


def trip(run: Scene) -> Trip:
    """One trip of a filled pair, compared after each switch without the tool's help."""
    source, target = run.pair.machines
    spans: list[tuple[float, float]] = []
    differences: list[str] = []
    run.begin()
    began = int(time.time())
    with run.traffic() as (sent, probed):
        run.transhume("sync", "--follow")
        with _kept(spans):
            run.transhume("cutover", "--yes")
        done = work(target, began)
        there = observe(target)
        with _kept(spans):
            run.transhume("rollback")
        differences += [*compare(there, source, log=sent).differences, *lacks(source, done)]
        run.transhume("sync", "--follow")
        with _kept(spans):
            run.transhume("cutover", "--yes")
    differences += [*compare(source, target, log=sent).differences, *lacks(target, done)]
    fate = mail.settled(target, accepted(sent), _SETTLE)
    return Trip(
        tuple(switches(run, spans, downtime(probed))),
        fate.accepted,
        len(fate.missing),
        len(fate.doubled),
        tuple(differences),
    )


@contextmanager
def _kept(spans: list[tuple[float, float]]) -> Iterator[None]:
    began = time.time()
    yield
    spans.append((began, time.time()))


def switches(
    run: Scene, spans: Sequence[tuple[float, float]], outages: Mapping[str, Outage]
) -> Iterator[Switch]:
    """What each command cost those outside."""
    for way, span in zip(SWITCHES, spans, strict=True):
        stops, starts = run.pair.machines if way != "back" else reversed(run.pair.machines)
        services = systemd.took(stops, "stop", *span) + systemd.took(starts, "start", *span)
        yield Switch(way, round(longest(outages.values(), *span), 2), round(services, 2))


def longest(outages: Iterable[Outage], began: float, ended: float) -> float:
    """Seconds of the longest outage that began between these moments; LabError without one."""
    found = [up - down for each in outages for down, up in each.intervals if began <= down <= ended]
    if not found:
        raise LabError("the prober saw no outage in a switch: it can't have looked")
    return max(found)


def summary(trips: Sequence[Trip]) -> dict[str, Any]:
    """Medians over the trips."""
    by_way = {
        way: [each for trip in trips for each in trip.switches if each.way == way]
        for way in SWITCHES
    }
    return {
        "rounds": len(trips),
        "downtime_seconds": {
            way: round(statistics.median(each.downtime for each in found), 2)
            for way, found in by_way.items()
        },
        "overhead_seconds": {
            way: round(statistics.median(each.downtime - each.services for each in found), 2)
            for way, found in by_way.items()
        },
        "messages_accepted": sum(trip.accepted for trip in trips),
        "messages_missing": sum(trip.missing for trip in trips),
        "messages_doubled": sum(trip.doubled for trip in trips),
        "differences": sorted({line for trip in trips for line in trip.differences}),
        "trips": [asdict(trip) for trip in trips],
    }


def arguments() -> argparse.Namespace:
    parser = offered("python -m lab.bench.back", __doc__)
    parser.add_argument("--rounds", type=int, default=3, help="there, back, and there again")
    return parser.parse_args()


def measured(given: argparse.Namespace) -> dict[str, Any]:
    """All rounds, each on the machines as they were filled."""
    found = machine()
    with provided(given.name, SIZES[given.size], keep=given.keep_stock) as stock:
        trips = []
        for _ in range(given.rounds):
            trips.append(trip(stock.again()))
            say(f"{trips[-1].switches}")
    command = f"python -m lab.bench.back {given.size} --rounds {given.rounds}"
    on = {"size": given.size, "at": today(), "machine": found, "command": command}
    return {**on, **summary(trips)}


def main() -> int:
    given = arguments()
    try:
        found = measured(given)
    except LabError as error:
        say(f"back: {error}")
        return 1
    path = back_page.SECTION.write(given.size, found, keep=given.keep)
    say(json.dumps({key: found[key] for key in found if key != "trips"}, indent=1))
    say(f"result: {path}")
    return 1 if found["messages_missing"] or found["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
