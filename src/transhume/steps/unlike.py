"""Which rows of two whole databases differ, for whoever has to tell why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transhume.core.host import Snapshot
from transhume.errors import StepFailed
from transhume.steps.apart import Finder, Side
from transhume.steps.changed import Difference
from transhume.steps.rows import EXACT_FLOATS, Held, Unread, read_both
from transhume.steps.tables import Table, tables


@dataclass(frozen=True)
class Unlike:
    """How much was compared, and what differs."""

    tables: int
    rows: int
    differing: tuple[Difference, ...]


def unlike(sides: Sequence[Snapshot]) -> Unlike:
    """Compare all tables of both sides; StepFailed when one can't be read, or too much differs."""
    there, here = (tables(side) for side in sides)
    theirs, ours = read_both(sides, (there, here), lambda done, whole: None)
    differing: list[Difference] = [(name, (), ()) for name in sorted(there.keys() ^ here.keys())]
    for name in sorted(there.keys() & here.keys()):
        held = _read(there[name], theirs[name]), _read(here[name], ours[name])
        if held[0] != held[1]:
            both = Side(sides[0], there[name]), Side(sides[1], here[name])
            differing += _rows(both, max(each.rows for each in held))
    rows = sum(held.rows for held in theirs.values() if isinstance(held, Held))
    return Unlike(len(theirs), rows, tuple(differing))


def _read(table: Table, held: Held | Unread) -> Held:
    if isinstance(held, Unread):
        raise StepFailed(f"{table} couldn't be read: {held.problem}")
    return held


def _rows(both: tuple[Side, Side], rows: int) -> Iterator[Difference]:
    table = both[0].table
    if not table.unique:
        yield table.name, (), ()
        return
    floats = min(side.table.version for side in both) < EXACT_FLOATS
    found = Finder(*both, rows, floats).apart()
    if not found.whole:
        raise StepFailed(f"too many rows of {table} differ to tell why")
    for key in (*found.changed, *found.missing, *found.extra):
        yield table.name, table.key, key
