"""Measures whether reading a tree ahead pays for its first copy: python -m lab.bench.warming S|M|L.

The source's caches are emptied before each copy. Then transhume carries the trees cold, after
several readers have read all of them into the cache, and while these do. Medians go to
build/bench/warming-SIZE.json.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.bench.__main__ import machine
from lab.bench.copiers import transhume
from lab.bench.copy import BODIES, fill
from lab.bench.result import today
from lab.bench.section import Section
from lab.pair import Pair
from lab.shell import LabError, say

_READERS = 8
_READ = f"find $1 -type f -print0 | xargs -0 -P {_READERS} -n 64 cat > /dev/null"
_HEAD = ("| files | read ahead | s | as long |", "| --- | --- | ---: | ---: |")


@dataclass(frozen=True)
class Carried:
    """One copy from a cold source: seconds from the first read until all was carried."""

    what: str
    ahead: str
    seconds: float


def _first(pair: Pair, tree: str) -> float:
    begun = time.monotonic()
    _read(pair, tree)
    return time.monotonic() - begun + _seconds(pair, tree)


def _beside(pair: Pair, tree: str) -> float:
    reader = threading.Thread(target=_read, args=(pair, tree))
    reader.start()
    seconds = _seconds(pair, tree)
    reader.join()
    return seconds


def _read(pair: Pair, tree: str) -> None:
    pair.source.exec(("sh", "-c", _READ, "read", tree))


def _seconds(pair: Pair, tree: str) -> float:
    took = transhume(pair, tree).seconds
    if took is None:
        raise LabError(f"{tree} wasn't carried in time")
    return took


WAYS: dict[str, Callable[[Pair, str], float]] = {
    "nothing": _seconds,
    "all, first": _first,
    "all, beside it": _beside,
}


def runs(pair: Pair, trees: Sequence[str], rounds: int) -> Iterator[Carried]:
    """One way after the other, so that what disturbs one disturbs all alike."""
    for tree in trees:
        for _ in range(rounds):
            for ahead, way in WAYS.items():
                pair.target.exec(("sh", "-c", f"rm -rf {tree}; mkdir {tree}; sync"))
                # Both machines share the kernel, and what it remembers.
                Path("/proc/sys/vm/drop_caches").write_text("3\n")
                carried = Carried(tree.rpartition("/")[2], ahead, round(way(pair, tree), 2))
                say(f"{carried.what} files, read ahead: {ahead}: {carried.seconds} s")
                yield carried


def summary(done: Sequence[Carried]) -> dict[str, dict[str, float]]:
    """Medians by files and way."""
    found: dict[str, dict[str, list[float]]] = {}
    for each in done:
        found.setdefault(each.what, {}).setdefault(each.ahead, []).append(each.seconds)
    return {
        what: {ahead: round(statistics.median(took), 2) for ahead, took in ways.items()}
        for what, ways in found.items()
    }


def table(result: Mapping[str, Any]) -> list[str]:
    """The medians as lines of Markdown; "as long" is against what wasn't read ahead."""
    rows = [
        f"| {what} | {ahead} | {seconds} | {seconds / ways['nothing']:.2f} x |"
        for what, ways in result["seconds"].items()
        for ahead, seconds in ways.items()
    ]
    return [*_HEAD, *rows]


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    on, small = result["machine"], result["trees"]["/var/spool/small"]
    yield (
        f"{result['size']}: {small['files']:,} small files of {small['bytes'] >> 20:,} MiB and a "
        f"few large ones, {_READERS} readers; rounds: {result['rounds']}, medians; {on['cores']} "
        f"cores for both machines, {on['memory_gib']} GiB, load {on['load_before']} before; "
        f"{result['at']}, `{result['command']}`."
    )
    yield from ("", *table(result))


SECTION = Section("warming", _lines)


def bench(size: str, rounds: int, name: str) -> dict[str, Any]:
    """One pair, filled once."""
    shape = {"size": size, "rounds": rounds, "machine": machine()}
    with Pair.up(name, source="bookworm") as pair:
        trees = fill(pair.source, BODIES[size])
        done = list(runs(pair, list(trees), rounds))
    command = f"python -m lab.bench.warming {size} --rounds {rounds}"
    at = today()
    told = {"command": command, "at": at, "trees": trees, "seconds": summary(done)}
    return {**shape, **told, "runs": [asdict(each) for each in done]}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.bench.warming", description=__doc__)
    parser.add_argument("size", choices=BODIES)
    parser.add_argument("--rounds", type=int, default=3, help="copies by each")
    parser.add_argument("--name", default="warming", help="of the pair of machines")
    parser.add_argument("--keep", action="store_true", help="put the result into docs/, too")
    wanted = parser.parse_args()
    try:
        result = bench(wanted.size, wanted.rounds, wanted.name)
    except LabError as error:
        say(f"bench: {error}")
        return 1
    path = SECTION.write(wanted.size, result, keep=wanted.keep)
    sys.stdout.write("\n".join([*table(result), "", f"result: {path}", ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
