"""Walks both ways into every trap: python -m lab.traps; a table, and build/traps.json."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from lab import scene
from lab.pair import Pair
from lab.places import CHECKOUT
from lab.shell import LabError, say
from lab.traps.both import table, walk
from lab.traps.trap import Row

NAME = "traps"
RESULT = CHECKOUT / "build" / "traps.json"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.traps", description=__doc__)
    parser.add_argument("--name", default=NAME, help="of the pair of machines")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--keep", action="store_true", help="leave the machines running")
    return parser.parse_args()


def keep(found: list[Row], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")


def main() -> int:
    given = arguments()
    Pair(given.name).down()
    pair = Pair.up(given.name)
    try:
        run = scene.build(
            pair, partitions="small", messages=given.messages, median_size=4000, legacy_zones=True
        )
        found = walk(run)
    except LabError as error:
        say(f"traps: {error}")
        return 1
    finally:
        if not given.keep:
            pair.down()
    keep(found, RESULT)
    for line in table(found):
        sys.stdout.write(line + "\n")
    wrong = [row.key for row in found if not row.right]
    say(f"{len(found) - len(wrong)} of {len(found)} traps as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
