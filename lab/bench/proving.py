"""What check and verify take on a whole server, against rsync -nc and count(*) of every table.

python -m lab.bench.proving L [--keep]: fills a pair, or takes the disks that `lab.bench` kept for
its next run, checks, moves it, and proves it; writes build/bench/proving-L.json, and with --keep
the table in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab import cgroup, network
from lab.bench import proving_page
from lab.bench.__main__ import machine
from lab.bench.memory import Roots, children, watched
from lab.bench.page import RESULT
from lab.bench.result import today
from lab.bench.sizes import SIZES, Size
from lab.bench.stock import offered, provided
from lab.machine import Machine
from lab.pair import Pair
from lab.scene import Scene
from lab.shell import LabError, say
from transhume.profiles.bluemind.layout import load

_RSYNC = ("rsync", "-aHAXSn", "--delete", "--modify-window=-1", "--itemize-changes")
_SHELL = "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
_COUNT = (
    'for base in bj bj-data; do runuser -u postgres -- psql -XqAt -d $base -c "select '
    "format('select count(*) from %I.%I;', n.nspname, c.relname) from pg_class c join pg_namespace "
    "n on n.oid = c.relnamespace where c.relkind in ('r', 'm') and n.nspname not like 'pg_%' and "
    "n.nspname <> 'information_schema'\" | runuser -u postgres -- psql -XqAt -d $base; done | "
    "awk '{rows += $1} END {print NR, rows}'"
)


@dataclass(frozen=True)
class Cost:
    """One command: the peaks are of all its processes on a machine together, in MiB.

    PostgreSQL's own processes aren't among them.
    """

    what: str
    seconds: float
    target_mib: float
    source_mib: float
    status: int
    said: str = ""


def timed(pair: Pair, what: str, *argv: str) -> Cost:
    """Run it on the target, with an eye on what it and its sessions on the source take."""
    groups: dict[str, Roots] = {
        "target": children,
        "source": lambda parents: _sessions(pair.source),
    }
    with watched(groups) as peaks:
        began = time.monotonic()
        done = pair.target.exec(argv, check=False)
        seconds = time.monotonic() - began
    said = (done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or [""])[-1]
    say(f"{what}: {seconds:.1f} s, {peaks}, status {done.returncode}: {said[:100]}")
    sums = (round(peaks["target"], 1), round(peaks["source"], 1))
    return Cost(what, round(seconds, 1), *sums, done.returncode, said[:200])


def _sessions(source: Machine) -> Iterator[int]:
    for pid in cgroup.processes(source.group):
        with suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().startswith("sshd"):
                yield pid


def counted(pair: Pair) -> Cost:
    """A plain count(*) of every table of both databases, on both machines at once."""
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(each.exec, ("sh", "-c", _COUNT)) for each in pair.machines]
        tables, rows = asked[1].result().stdout.split()
        asked[0].result()
    seconds = round(time.monotonic() - began, 1)
    said = f"{int(rows):,} rows in {int(tables):,} tables"
    say(f"count(*): {seconds} s, {said}")
    return Cost("count(*) of every table", seconds, 0.0, 0.0, 0, said)


def compared(pair: Pair, what: str, *options: str) -> Cost:
    """What rsync takes to see that every tree is equal."""
    there = f"root@{network.MAINTENANCE.ipv4}"
    trees = [tree.path for tree in load("bluemind-5").tree]
    script = (
        'for tree in "$@"; do [ ! -d "$tree" ] || '
        f'{" ".join((*_RSYNC, *options))} --rsh="{_SHELL}" "{there}:$tree/" "$tree/"; done | wc -l'
    )
    return timed(pair, what, "sh", "-c", script, "sh", *trees)


def costs(run: Scene) -> Iterator[Cost]:
    """From before the move to its proofs; what the others have to read is in memory by then."""
    pair = run.pair
    yield timed(pair, "transhume check", "transhume", "check")
    yield timed(pair, "transhume sync", "transhume", "sync")
    yield timed(pair, "transhume cutover", "transhume", "cutover", "--yes")
    yield timed(pair, "transhume verify", "transhume", "verify")
    yield timed(pair, "transhume verify --full", "transhume", "verify", "--full")
    yield compared(pair, "rsync -n of every tree")
    yield compared(pair, "rsync -nc of every tree", "--checksum")
    yield counted(pair)


def proving(size: Size, name: str, keep_stock: bool) -> dict[str, Any]:
    """Move a filled pair, and take the time of all that proves something about it."""
    found = machine()
    with provided(name, size, keep=keep_stock) as stock:
        run = stock.again()
        run.begin()
        taken = list(costs(run))
        told = json.loads(run.transhume("report", "--json").stdout)
    numbers = {key: value for key, value in run.filled.items() if isinstance(value, (int, float))}
    return {
        "size": size.name,
        "at": today(),
        "machine": found,
        "filled": numbers,
        "costs": [asdict(cost) for cost in taken],
        "proofs": [
            {key: proof[key] for key in ("part", "compared", "equal", "unit")}
            for proof in told["proofs"]
        ],
        "checks": told["checks"],
        "walks": told["walks"],
    }


def arguments() -> argparse.Namespace:
    parser = offered("python -m lab.bench.proving", __doc__)
    return parser.parse_args()


def main() -> int:
    given = arguments()
    size = SIZES[given.size]
    try:
        found = proving(size, given.name, given.keep_stock)
    except LabError as error:
        say(f"proving: {error}")
        return 1
    RESULT.mkdir(parents=True, exist_ok=True)
    path = RESULT / f"proving-{size.name}.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    if given.keep:
        proving_page.keep(path)
    say(f"result: {path}")
    return 1 if any(cost["status"] for cost in found["costs"]) else 0


if __name__ == "__main__":
    sys.exit(main())
