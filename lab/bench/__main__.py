"""Runs the benchmark: python -m lab.bench S|M|L; writes build/bench/SIZE.json.

Disks that an earlier run with --keep-stock left are used instead of filling anew.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.bench import page
from lab.bench.race import WAYS
from lab.bench.result import Run, summary, today
from lab.bench.sizes import SIZES, Size
from lab.bench.stock import Stock, offered, provided
from lab.shell import LabError, say


def races(stock: Stock, rounds: int) -> Iterator[Run]:
    """Each way in turn, so that what disturbs the machine disturbs both alike."""
    for number in range(rounds):
        for way, move in WAYS.items():
            say(f"round {number + 1} of {rounds}: {way}")
            run = move(stock.again())
            say(f"{way}: {run.downtime} s down, {run.parts}")
            yield run


def machine() -> dict[str, Any]:
    """What it ran on."""
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(pages / (1 << 30)),
        "kernel": os.uname().release,
        "load_before": round(os.getloadavg()[0], 1),
    }


def bench(size: Size, rounds: int, name: str, keep_stock: bool) -> dict[str, Any]:
    """Fill one pair, or take what was kept of one, and move it by each way from there."""
    found = machine()
    with provided(name, size, keep=keep_stock) as stock:
        runs = list(races(stock, rounds))
    known = stock.run.filled.items()
    filled = {key: value for key, value in known if isinstance(value, (int, float))}
    on = {"size": size.name, "at": today(), "machine": found}
    return {**on, "filled_at": stock.at, "filled": filled, **summary(runs)}


def arguments() -> argparse.Namespace:
    parser = offered("python -m lab.bench", __doc__)
    parser.add_argument("--rounds", type=int, default=1, help="moves by each way")
    return parser.parse_args()


def write(found: dict[str, Any], keep: bool) -> Path:
    """build/bench/SIZE.json, and with `keep` the page in docs/ from it."""
    page.RESULT.mkdir(parents=True, exist_ok=True)
    path = page.RESULT / f"{found['size']}.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    if keep:
        page.KEPT.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, page.KEPT)
        page.write()
    return path


def main() -> int:
    given = arguments()
    try:
        found = bench(SIZES[given.size], given.rounds, given.name, given.keep_stock)
    except LabError as error:
        say(f"bench: {error}")
        return 1
    path = write(found, given.keep)
    say(json.dumps({key: found[key] for key in list(found) if key not in ("runs",)}, indent=1))
    say(f"result: {path}")
    say(f"part by part, against what an expert would use: make bench-parts SIZE={given.size}")
    return 1 if found["messages_missing"] or found["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
