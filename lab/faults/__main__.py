"""Runs the fault campaign: python -m lab.faults; it goes on where an earlier run stopped."""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path
from subprocess import run

from lab import places
from lab.faults.campaign import tried
from lab.faults.cells import Cell, Field, Key, cells, nowhere
from lab.faults.entry import BROKEN, Entry
from lab.faults.result import Result
from lab.faults.sittings import Sitting, sittings
from lab.faults.stock import Stock, fingerprint, provide
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
_DRAWS = 3
"""So many changes are tried for a cell before it is told that there is nothing to break."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.faults", description=__doc__)
    parser.add_argument("--name", default=NAME, help="of the pair of machines")
    parser.add_argument("--sample", type=int, default=0, help="so many cells, drawn; 0: all")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help=f"begin no cell after; {MINUTES:.0f}"
    )
    parser.add_argument("--only", default="", help="cells whose fault or phase holds this")
    parser.add_argument("--record", action="store_true", help="put the table into the docs")
    parser.add_argument("--list", action="store_true", help="show the cells, and try none")
    return parser.parse_args()


def wanted(given: argparse.Namespace, all_cells: list[Cell]) -> list[Cell]:
    """The cells that this run is about, whatever is known of them."""
    fitting = [cell for cell in all_cells if given.only in f"{cell.fault.name}, {cell.phase}"]
    if not given.sample:
        return fitting
    return random.Random(given.seed).sample(fitting, min(given.sample, len(fitting)))


class Campaign:
    """Which cells are left; what was wrong in company is tried again in less, down to alone."""

    def __init__(self, given: argparse.Namespace, stock: Stock, result: Result) -> None:
        self._given = given
        self._stock = stock
        self._field = Field(stock.changes, stock.beside, given.seed)
        self._result = result
        self._crowd: dict[Key, int] = {}
        self._spent: set[Key] = set()
        """What was tried in this run as often as it may be."""
        result.nowhere = tuple(nowhere(self._field))

    def left(self) -> list[Cell]:
        """The new ones, then those that weren't right."""
        known = {tuple(entry.key): entry for entry in self._result.entries}
        unmet = {key: entry.unmet for key, entry in known.items()}
        mine = wanted(self._given, cells(self._field, unmet))
        self._result.left = sum(cell.key not in known for cell in mine)
        todo = [cell for cell in mine if cell.key not in self._spent and not _settled(known, cell)]
        return sorted(todo, key=lambda cell: cell.key in known)

    def sittings(self) -> list[Sitting]:
        return sittings(self.left(), self._stock.changes, self._crowd)

    def play(self, sitting: Sitting, until: float, path: Path) -> None:
        """Play it, and keep what came of it."""
        for cell in sitting.cells:
            say(f"{cell.fault.name}, {cell.phase}, {cell.way} ({cell.moment} {cell.change})")
        played = tried(self._stock, sitting, until)
        self._result.add(played)
        for entry in played:
            say(f"  {entry.fault}: {entry.outcome}, {entry.seconds} s {entry.differences[:3]}")
            self._note(entry, len(sitting.cells))
        self.left()
        self._result.save(path)

    def _note(self, entry: Entry, company: int) -> None:
        key = tuple(entry.key)
        if entry.tried and not entry.right and company > 1:
            self._crowd[key] = 1 if entry.outcome.startswith(BROKEN) else max(1, company // 3)
        elif entry.tried or entry.unmet >= _DRAWS:
            self._spent.add(key)


def _settled(known: dict[Key, Entry], cell: Cell) -> bool:
    entry = known.get(cell.key)
    return entry is not None and (entry.right or entry.unmet >= _DRAWS)


def record(entries: list[Entry]) -> None:
    """What the page about the promises shows."""
    kept = [
        {key: getattr(entry, key) for key in _RECORDED} | {"differences": entry.differences[:2]}
        for entry in sorted(entries, key=lambda each: tuple(each.key))
    ]
    RECORD.write_text(json.dumps(kept, indent=1) + "\n")
    run([sys.executable, "docs/generate.py"], cwd=places.CHECKOUT, check=True)


def campaign(given: argparse.Namespace, path: Path) -> Result:
    """Play one sitting after the other; each is on disk before the next."""
    until = time.monotonic() + given.minutes * 60 if given.minutes else float("inf")
    result = Result.read(path, fingerprint())
    stock = provide(given.name)
    try:
        going = Campaign(given, stock, result)
        while todo := going.sittings():
            if given.list:
                show(todo)
                break
            if time.monotonic() > until:
                say("time is up: the same command goes on from here")
                break
            going.play(todo[0], until, path)
    finally:
        stock.pair.down()
    return result


def show(todo: list[Sitting]) -> None:
    for number, sitting in enumerate(todo, start=1):
        for cell in sitting.cells:
            at = f"{cell.moment} {cell.change}"
            sys.stdout.write(f"{number}: {cell.fault.name}, {cell.phase}, {cell.way} ({at})\n")


def main() -> int:
    given = arguments()
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    try:
        result = campaign(given, RESULT)
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
