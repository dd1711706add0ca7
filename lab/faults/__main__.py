"""Runs the fault campaign: python -m lab.faults; it goes on where an earlier run stopped."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from subprocess import run

from lab import places
from lab.faults.campaign import tried
from lab.faults.cells import Field
from lab.faults.entry import Entry
from lab.faults.progress import Choice, Progress
from lab.faults.result import Result
from lab.faults.sittings import Sitting
from lab.faults.stock import Stock, another, fingerprint, provide
from lab.shell import LabError, say

NAME = "faults"
MINUTES = 60.0
RESULT = places.CHECKOUT / "build" / "faults.json"
RECORD = places.CHECKOUT / "docs" / "run" / "faults.json"
_RECORDED = (
    "fault",
    "phase",
    "change",
    "outcome",
    "messages",
    "messages_missing",
    "messages_doubled",
    "source_intact",
    "right",
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.faults", description=__doc__)
    parser.add_argument("--name", default=NAME, help="of the pair of machines")
    parser.add_argument("--pairs", type=int, default=1, help="so many beside each other")
    parser.add_argument("--sample", type=int, default=0, help="so many cells, drawn; 0: all")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help=f"begin no cell after; else {MINUTES:.0f}"
    )
    parser.add_argument("--only", default="", help="cells whose fault or phase holds this")
    parser.add_argument("--record", action="store_true", help="put the table into the docs")
    parser.add_argument("--list", action="store_true", help="show the cells, and try none")
    return parser.parse_args()


def campaign(given: argparse.Namespace) -> Result:
    """Play one sitting after the other; each is on disk before the next."""
    until = time.monotonic() + given.minutes * 60 if given.minutes else float("inf")
    result = Result.read(RESULT, fingerprint())
    stocks = [provide(given.name)]
    try:
        first = stocks[0]
        choice = Choice(given.only, given.sample, given.seed)
        field = Field(first.changes, first.beside, given.seed)
        going = Progress(choice, field, result, RESULT)
        if given.list:
            show(going.sittings())
            return result
        stocks += [another(first, number) for number in range(2, given.pairs + 1)]
        side_by_side(going, stocks, until)
    finally:
        down(stocks)
    return result


def side_by_side(going: Progress, stocks: Sequence[Stock], until: float) -> None:
    """Play on all pairs; what ends one ends all."""
    with ThreadPoolExecutor() as pool:
        playing = [pool.submit(play, going, stock, until) for stock in stocks]
        try:
            for one in as_completed(playing):
                one.result()
        except BaseException:
            # Without its machines no one waits for a fault to pass.
            going.stop()
            down(stocks)
            raise


def down(stocks: Sequence[Stock]) -> None:
    for stock in stocks:
        stock.pair.down()


def play(going: Progress, stock: Stock, until: float) -> None:
    """Play on one pair what is left, while there is time."""
    while (sitting := going.take()) is not None:
        if time.monotonic() > until:
            say("time is up: the same command goes on from here")
            break
        for cell in sitting.cells:
            say(f"{cell.fault.name}, {cell.phase}, {cell.way} ({cell.moment} {cell.change})")
        played = tried(stock, sitting, until)
        going.keep(sitting, played)
        for entry in played:
            say(f"  {entry.fault}: {entry.outcome}, {entry.seconds} s {entry.differences[:3]}")


def show(todo: list[Sitting]) -> None:
    """What would be played."""
    for number, sitting in enumerate(todo, start=1):
        for cell in sitting.cells:
            at = f"{cell.moment} {cell.change}"
            sys.stdout.write(f"{number}: {cell.fault.name}, {cell.phase}, {cell.way} ({at})\n")


def record(entries: list[Entry]) -> None:
    """What the page about the promises shows."""
    kept = [
        {key: getattr(entry, key) for key in _RECORDED} | {"differences": entry.differences[:2]}
        for entry in sorted(entries, key=lambda each: tuple(each.key))
    ]
    RECORD.write_text(json.dumps(kept, indent=1) + "\n")
    run([sys.executable, "docs/generate.py"], cwd=places.CHECKOUT, check=True)


def main() -> int:
    given = arguments()
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    try:
        result = campaign(given)
    except LabError as error:
        say(f"faults: {error}")
        return 1
    if given.record:
        record(result.entries)
    for line in result.lines():
        sys.stdout.write(line + "\n")
    return 0 if result.right else 1


if __name__ == "__main__":
    sys.exit(main())
