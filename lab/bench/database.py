"""Times until the databases are ready on the target: python -m lab.bench.database S|M|L.

By the documented dump and restore, by pgcopydb, and by transhume's own following, in turn, while
the source serves. Medians go to build/bench/database-SIZE.json.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from lab import scene
from lab.bench import database_page, pgcopydb
from lab.bench.__main__ import machine
from lab.bench.result import today
from lab.bench.sizes import SIZES, Size, require_disk
from lab.bench.spent import processor
from lab.compare.databases import MAIL
from lab.documented import favour, page
from lab.documented.procedure import type_lines
from lab.machine import Machine
from lab.pair import Pair
from lab.scene import Scene
from lab.shell import LabError, say

# pgcopydb is in Debian 12, and not in 11 or 13.
SOURCE, TARGET = "bullseye", "bookworm"
_SECONDS = """
import json, sqlite3, sys
journal = sqlite3.connect("file:/var/lib/transhume/journal.db?mode=ro", uri=True)
rows = journal.execute("select data from event where kind = 'step-done' order by id")
steps = [json.loads(row[0]) for row in rows]
print([each["seconds"] for each in steps if each["step"] == sys.argv[1]][-1])
"""
_ROWS = "select count(*) from t_mailbox_record"
# What stands in the first and in the last line that is about it.
_FOLLOW = "let the databases follow"
Took: TypeAlias = tuple[float, float]
"""Seconds, and what both machines spent of the processor meanwhile, in seconds."""


@dataclass(frozen=True)
class Ready:
    """One run: seconds until both databases could be used on the target, the mail's rows, and what
    both machines spent of the processor meanwhile, in seconds."""

    by: str
    seconds: float
    rows: int
    spent: float


def documented(run: Scene) -> Took:
    """Rows 13 and 16 of the page, letter by letter."""
    lines, before = (*page.dumps(), *page.restore()), _spent(run)
    seconds = sum(each.seconds for each in type_lines(run.pair.target, "databases", lines))
    return seconds, _spent(run) - before


def cloned(run: Scene) -> Took:
    """By pgcopydb."""
    before = _spent(run)
    return pgcopydb.clone(run), _spent(run) - before


def transhume(run: Scene) -> Took:
    """What `sync` takes for all databases, the small third one as well, until they follow."""
    spent = []

    def heard(line: str) -> None:
        if _FOLLOW in line:
            spent.append(_spent(run))

    run.transhume("sync", heard=heard)
    words = ("python3", "-c", _SECONDS, "follow-databases")
    seconds = float(run.pair.target.exec(words).stdout)
    run.transhume("rollback")
    return seconds, spent[-1] - spent[0]


def _idle(run: Scene) -> None:
    """Nobody on the target holds a session on its databases; PostgreSQL runs."""
    favour.without_sessions(run.pair.target)
    run.pair.target.exec(("sh", "-c", "bmctl stop; systemctl start postgresql.service"))


WAYS: dict[str, Callable[[Scene], Took]] = {
    "documented": documented,
    "pgcopydb": cloned,
    "transhume": transhume,
}


def runs(run: Scene, rounds: int, ways: Sequence[str]) -> Iterator[Ready]:
    """One way after the other, so that what disturbs one disturbs all alike."""
    for _ in range(rounds):
        for by in ways:
            _idle(run)
            seconds, spent = WAYS[by](run)
            found = Ready(by, round(seconds, 2), _rows(run.pair.target), round(spent, 1))
            say(f"{by}: {found.seconds} s, {found.rows:,} rows")
            yield found


def _spent(run: Scene) -> float:
    return sum(map(processor, run.pair.machines))


def _rows(machine: Machine) -> int:
    words = ("runuser", "-u", "postgres", "--", "psql", "-XqAt", "-d", MAIL, "-c", _ROWS)
    return int(machine.exec(words).stdout)


def summary(done: Sequence[Ready], rows: int) -> dict[str, Any]:
    """Medians, the fewest rows that a copy had, and how many times sooner transhume is."""
    ways = dict.fromkeys(each.by for each in done)
    by_way = {by: [each for each in done if each.by == by] for by in ways}
    middle = {by: round(statistics.median(each.seconds for each in by_way[by]), 2) for by in ways}
    ours = middle.get("transhume")
    return {
        "seconds": middle,
        "copied": {by: min(each.rows for each in by_way[by]) for by in ways},
        "processor": {
            by: round(statistics.median(each.spent for each in by_way[by]), 1) for by in ways
        },
        "sooner": {by: round(middle[by] / ours, 2) for by in ways if ours and by != "transhume"},
        "rows": rows,
        "runs": [asdict(each) for each in done],
    }


def bench(size: Size, rounds: int, name: str, ways: Sequence[str]) -> dict[str, Any]:
    """One pair, filled once."""
    found = {"size": size.name, "at": today()}
    on = machine()
    with Pair.up(name, SOURCE, TARGET) as pair:
        run = scene.build(pair, partitions="full", **size.wanted())
        favour.usual_password(pair)
        pgcopydb.install(pair)
        run.begin()
        done = list(runs(run, rounds, ways))
        rows = _rows(pair.source)
    command = f"python -m lab.bench.database {size.name} --rounds {rounds}"
    shape = {"command": command, "rounds": rounds, "machine": on}
    return {**found, **shape, **summary(done, rows)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.bench.database", description=__doc__)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--rounds", type=int, default=3, help="copies by each")
    parser.add_argument("--name", default="database", help="of the pair of machines")
    parser.add_argument("--by", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--keep", action="store_true", help="put the result into docs/, too")
    wanted = parser.parse_args()
    try:
        size = SIZES[wanted.size]
        require_disk(size, size.disk_once())
        result = bench(size, wanted.rounds, wanted.name, wanted.by)
    except LabError as error:
        say(f"bench: {error}")
        return 1
    path = database_page.SECTION.write(wanted.size, result, keep=wanted.keep)
    sys.stdout.write("\n".join([*database_page.table(result), "", f"result: {path}", ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
