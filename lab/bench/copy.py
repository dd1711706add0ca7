"""Compares the first copy of trees with what an expert would use: python -m lab.bench.copy S|M|L.

Each copier in turn, on a short line and on a long one (20 ms there and back, 1 Gbit/s); medians go
to build/bench/copy-SIZE.json, and a table to standard output.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lab import network
from lab.bench import copy_page
from lab.bench.copiers import COPIERS, LIMIT_SECONDS, install
from lab.bench.result import today
from lab.bench.spent import processor
from lab.machine import Machine
from lab.pair import Pair
from lab.shell import LabError, say

BODIES = {"S": 50_000, "M": 300_000, "L": 1_000_000}
_BIG, _BIG_BYTES = 4, 512 << 20
_TRIP, _RATE, _BITS = 20.0, "1gbit", 1e9
# What of a line TCP over Ethernet has for its data: 1448 of the 1538 bytes of a frame.
_USABLE = 1448 / 1538

# Names and sizes like those of stored mail: by hash, in 256 folders, a few kilobytes each.
_BODIES = """
import os, random, sys
top, number = sys.argv[1], int(sys.argv[2])
chance = random.Random(7)
noise = os.urandom(1 << 20)
for folder in range(256):
    os.makedirs("%s/by_hash/%x/%x" % (top, folder >> 4, folder & 15), exist_ok=True)
for each in range(number):
    name = "%040x" % chance.getrandbits(160)
    size = min(4 << 20, int(chance.lognormvariate(8.0, 1.3)) + 200)
    start = chance.randrange(1 << 19)
    with open("%s/by_hash/%s/%s/%s.zst" % (top, name[0], name[1], name), "wb") as file:
        file.write((noise[start:] + noise * 4)[:size])
        os.utime(file.fileno(), ns=(1600000000123456789 + each,) * 2)
"""


@dataclass(frozen=True)
class Copied:
    """One copy: seconds, seconds of processor on each machine, and what rsync still had to do.

    `seconds` is None for one that didn't end in time.
    """

    what: str
    line: str
    by: str
    seconds: float | None
    equal: float | None
    source_cpu: float
    target_cpu: float
    differing: int


def fill(machine: Machine, bodies: int) -> dict[str, dict[str, int]]:
    """Two trees on the source: many small files, and a few large ones."""
    small, large = "/var/spool/small", "/var/spool/large"
    machine.exec(("python3", "-c", _BODIES, small, str(bodies)))
    for number in range(_BIG):
        size = f"bs=1M count={_BIG_BYTES >> 20} status=none"
        script = f"mkdir -p {large}; dd if=/dev/urandom of={large}/{number} {size}"
        machine.exec(("sh", "-c", script))
    # As the mail store is: not root's.
    machine.exec(("chown", "-R", "cyrus:mail", small, large))
    return {tree: _measured(machine, tree) for tree in (small, large)}


def _measured(machine: Machine, tree: str) -> dict[str, int]:
    script = f"find {tree} -type f -printf '%s\\n'"
    sizes = machine.exec(("sh", "-c", script)).stdout.split()
    return {"files": len(sizes), "bytes": sum(map(int, sizes))}


def copy(pair: Pair, tree: str, line: str, by: str) -> Copied:
    """One copy onto a target that has nothing of it."""
    pair.target.exec(("sh", "-c", f"rm -rf {tree}; mkdir {tree}; sync"))
    before = [processor(machine) for machine in pair.machines]
    took = COPIERS[by](pair, tree)
    after = [processor(machine) for machine in pair.machines]
    source, target = (round(later - sooner, 2) for sooner, later in zip(before, after, strict=True))
    equal = None if took.equal is None else round(took.equal, 2)
    what = tree.rpartition("/")[2]
    seconds = None if took.seconds is None else round(took.seconds, 2)
    return Copied(what, line, by, seconds, equal, source, target, _differing(pair, tree))


def _differing(pair: Pair, tree: str) -> int:
    look = (
        f"rsync -niaHAXS --modify-window=-1 --delete root@mail.example.org:{tree}/ {tree}/ | wc -l"
    )
    return int(pair.target.exec(("sh", "-c", look)).stdout)


def copies(pair: Pair, trees: Sequence[str], rounds: int, by: Sequence[str]) -> Iterator[Copied]:
    """Every copier on every line, alternating, so that what disturbs one disturbs all alike."""
    for line in ("short", "long"):
        _lay(pair, line)
        for tree in trees:
            for _ in range(rounds):
                for each in by:
                    copied = copy(pair, tree, line, each)
                    took = "not done" if copied.seconds is None else f"{copied.seconds} s"
                    say(f"{line} line, {copied.what} files, {each}: {took}")
                    yield copied


def _lay(pair: Pair, line: str) -> None:
    long = line == "long"
    network.lengthen(pair.name, "source", _TRIP if long else None)
    network.limit(pair.name, "source", _RATE if long else None)


def summary(done: Sequence[Copied], trees: dict[str, dict[str, int]]) -> dict[str, Any]:
    """Medians by line, files and copier, and the ratios that are promised."""
    medians: dict[str, Any] = {}
    for each in done:
        medians.setdefault(each.line, {}).setdefault(each.what, {}).setdefault(each.by, []).append(
            each
        )
    found = {
        line: {
            what: {by: _middle(runs) for by, runs in ways.items()} for what, ways in by_what.items()
        }
        for line, by_what in medians.items()
    }
    return {"trees": trees, "medians": found, "ratios": ratios(found, trees)}


def _middle(runs: Sequence[Copied]) -> dict[str, Any]:
    keys = ("source_cpu", "target_cpu", "differing")
    middle = {key: round(statistics.median(getattr(run, key) for run in runs), 2) for key in keys}
    ended = [run.seconds for run in runs if run.seconds is not None]
    # One that stalls once can't be counted on: a median of its better runs would flatter it.
    whole = round(statistics.median(ended), 2) if len(ended) == len(runs) else None
    found = {"seconds": whole, **middle, **({} if whole else {"limit": LIMIT_SECONDS})}
    equal = [run.equal for run in runs if run.equal is not None]
    return {**found, **({"equal": round(statistics.median(equal), 2)} if equal else {})}


def ratios(found: dict[str, Any], trees: dict[str, dict[str, int]]) -> dict[str, float]:
    """Against the best of the others, against rsync, and against the line; above 1 is better."""
    result: dict[str, float] = {}
    for line, by_what in found.items():
        for what, ways in by_what.items():
            ended = {by: each["seconds"] for by, each in ways.items() if each["seconds"]}
            ours = ended.pop("transhume", None)
            if ours is None:
                continue
            if ended:
                result[f"{line} {what}: best of the others"] = round(min(ended.values()) / ours, 2)
            if "rsync" in ended:
                result[f"{line} {what}: rsync"] = round(ended["rsync"] / ours, 2)
            if line == "long":
                size = trees[f"/var/spool/{what}"]["bytes"]
                result[f"{line} {what}: of the line"] = round(size * 8 / ours / _BITS / _USABLE, 2)
    return result


def bench(size: str, rounds: int, name: str, by: Sequence[str]) -> dict[str, Any]:
    """One pair, filled once."""
    before = round(os.getloadavg()[0], 1)
    with Pair.up(name, source="bookworm") as pair:
        install(pair)
        trees = fill(pair.source, BODIES[size])
        done = list(copies(pair, list(trees), rounds, by))
    machine = {"cores": os.cpu_count(), "load_before": before}
    runs = [asdict(each) for each in done]
    return {
        "size": size,
        "rounds": rounds,
        "at": today(),
        "machine": machine,
        **summary(done, trees),
        "runs": runs,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.bench.copy", description=__doc__)
    parser.add_argument("size", choices=BODIES)
    parser.add_argument("--rounds", type=int, default=3, help="copies by each")
    parser.add_argument("--name", default="copy", help="of the pair of machines")
    parser.add_argument("--by", nargs="+", choices=COPIERS, default=list(COPIERS))
    parser.add_argument("--keep", action="store_true", help="put the result into docs/, too")
    wanted = parser.parse_args()
    try:
        result = bench(wanted.size, wanted.rounds, wanted.name, wanted.by)
    except LabError as error:
        say(f"bench: {error}")
        return 1
    path = copy_page.SECTION.write(wanted.size, result, keep=wanted.keep)
    ratio = [f"{name}: {value}" for name, value in result["ratios"].items()]
    sys.stdout.write("\n".join([*copy_page.table(result), "", *ratio, "", f"result: {path}", ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
