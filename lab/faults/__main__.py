"""Runs the fault campaign: python -m lab.faults; it goes on where an earlier run stopped."""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import asdict
from pathlib import Path
from subprocess import run

from lab import places
from lab.faults.campaign import Entry, tried
from lab.faults.cells import Cell, cells, companies
from lab.faults.stock import provide
from lab.faults.table import summary
from lab.shell import LabError, say

NAME = "faults"
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
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.faults", description=__doc__)
    parser.add_argument("--name", default=NAME, help="of the pair of machines")
    parser.add_argument("--sample", type=int, default=0, help="so many cells, drawn; 0: all")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=0.0, help="begin no cell after; 0: never")
    parser.add_argument("--only", default="", help="cells whose fault or phase holds this")
    parser.add_argument("--record", action="store_true", help="put the table into the docs")
    parser.add_argument("--list", action="store_true", help="show the cells, and try none")
    return parser.parse_args()


def earlier(path: Path) -> list[Entry]:
    """What an earlier run has tried."""
    return [Entry(**each) for each in json.loads(path.read_text())] if path.exists() else []


def chosen(given: argparse.Namespace, all_cells: list[Cell], known: list[Entry]) -> list[Cell]:
    """The cells that this run is about: the new ones, then those that weren't right."""
    fitting = [cell for cell in all_cells if given.only in f"{cell.fault.name}, {cell.phase}"]
    if given.sample:
        drawn = random.Random(given.seed).sample(fitting, min(given.sample, len(fitting)))
        fitting = [cell for cell in fitting if cell in drawn]
    right = {tuple(entry.key): entry.right for entry in known}
    left = [cell for cell in fitting if not right.get(cell.key)]
    return sorted(left, key=lambda cell: cell.key in right)


def keep(entries: list[Entry], path: Path) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps([asdict(entry) for entry in entries], indent=1) + "\n")
    draft.rename(path)


def record(entries: list[Entry]) -> None:
    """What the page about the promises shows."""
    kept = [
        {key: vars(entry)[key] for key in _RECORDED}
        | {"right": entry.right, "differences": entry.differences[:2]}
        for entry in sorted(entries, key=lambda each: tuple(each.key))
    ]
    RECORD.write_text(json.dumps(kept, indent=1) + "\n")
    run([sys.executable, "docs/generate.py"], cwd=places.CHECKOUT, check=True)


def campaign(given: argparse.Namespace, path: Path) -> list[Entry]:
    """Try one cell after the other; each is on disk before the next."""
    end = time.monotonic() + given.minutes * 60 if given.minutes else float("inf")
    stock = provide(given.name)
    try:
        entries = earlier(path)
        todo = chosen(given, cells(stock.changes, given.seed), entries)
        known = {tuple(entry.key) for entry in entries}
        for company in companies(todo, stock.changes, known):
            for cell in company:
                say(f"{cell.fault.name}, {cell.phase}, {cell.way} ({cell.moment} {cell.change})")
            if given.list:
                continue
            if time.monotonic() > end:
                say("time is up: the same command goes on from here")
                break
            played = tried(stock, company)
            entries = [each for each in entries if tuple(each.key) not in _keys(company)] + played
            keep(entries, path)
            for entry in played:
                say(f"  {entry.outcome}, {entry.seconds} s {entry.differences[:3]}")
    finally:
        stock.pair.down()
    return entries


def _keys(company: list[Cell]) -> set[tuple[str, ...]]:
    return {cell.key for cell in company}


def main() -> int:
    given = arguments()
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    try:
        entries = campaign(given, RESULT)
    except LabError as error:
        say(f"faults: {error}")
        return 1
    if given.record:
        record(entries)
    for line in summary(entries):
        sys.stdout.write(line + "\n")
    return 0 if all(entry.right for entry in entries) else 1


if __name__ == "__main__":
    sys.exit(main())
