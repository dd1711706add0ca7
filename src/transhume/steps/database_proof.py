"""Prove that a database on the target is the source's: its shape, its rows, its sequences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from transhume.core.event import Progress
from transhume.core.finding import Proof
from transhume.core.host import Host, Pair, Snapshot
from transhume.errors import StepFailed
from transhume.steps import schema
from transhume.steps.apart import Finder, Side
from transhume.steps.described import described
from transhume.steps.differences import described_apart, holders, rows_apart, unread
from transhume.steps.rows import EXACT_FLOATS, Held, Unread, read_both
from transhume.steps.sequences import sequences
from transhume.steps.tables import Table, tables

Notice = Callable[[Progress], None]
"""Hears how far a part is."""


def unheard(progress: Progress) -> None:
    """Nobody looks on."""


@dataclass(frozen=True)
class Both:
    """One database of both machines as it is now, with a connection for each core there."""

    pair: Pair
    name: str
    there: Snapshot
    here: Snapshot

    @property
    def sides(self) -> tuple[Snapshot, Snapshot]:
        """The source's, then the target's."""
        return self.there, self.here


def prove_shape(pair: Pair, name: str) -> Iterator[Proof]:
    """The proofs of the database's own settings and of its objects."""
    yield _settings(pair, name)
    if described(pair.target, name) is not None:
        with ExitStack() as stack:
            yield from _schema(_opened(stack, pair, name))


def prove(pair: Pair, name: str, notice: Notice = unheard) -> Iterator[Proof]:
    """All proofs of the database: its shape, then its rows and sequences."""
    yield _settings(pair, name)
    if described(pair.target, name) is None:
        return
    with ExitStack() as stack:
        both = _opened(stack, pair, name)
        yield from _schema(both)
        yield _contents(both, notice)
        yield from _sequences(both)


def _opened(stack: ExitStack, pair: Pair, name: str) -> Both:
    there, here = (
        stack.enter_context(host.snapshot(name, _cores(host)))
        for host in (pair.source, pair.target)
    )
    return Both(pair, name, there, here)


def _cores(host: Host) -> int:
    return int(host.read("nproc"))


def _settings(pair: Pair, name: str) -> Proof:
    there, here = described(pair.source, name), described(pair.target, name)
    differing = described_apart(there, here)
    fields = 5 + len(there.settings if there else ())
    return Proof(f"{name}: settings", fields, fields - len(differing), "settings", differing)


def _schema(both: Both) -> Iterator[Proof]:
    shape = schema.compared(both.sides)
    equal = shape.objects - len(shape.differing)
    locked = tuple(
        f"locked on the {host.place}: {held}"
        for host in (both.pair.source, both.pair.target)
        if host.place in shape.locked
        for held in holders(host, both.name)
    )
    yield Proof(f"{both.name}: schema", shape.objects, equal, "objects", shape.differing + locked)


def _contents(both: Both, notice: Notice) -> Proof:
    there, here = tables(both.there), tables(both.here)

    def heard(done: int, whole: int) -> None:
        notice(Progress(both.name, done, whole, "bytes"))

    held = read_both(both.sides, (there, here), heard)
    names = sorted({*there, *here})
    found = {
        name: _apart(both, there.get(name), here.get(name), held[0].get(name), held[1].get(name))
        for name in names
        if held[0].get(name) != held[1].get(name) or isinstance(held[0].get(name), Unread)
    }
    lines = tuple(line for name in names for line in found.get(name, ()))
    # Two without any table are equal in just that.
    compared = max(1, len(names))
    return Proof(both.name, compared, compared - len(found), "tables", lines)


def _apart(
    both: Both,
    there: Table | None,
    here: Table | None,
    theirs: Held | Unread | None,
    ours: Held | Unread | None,
) -> list[str]:
    """What to say of a table that isn't proved equal."""
    table = there or here
    assert table
    if there is None or here is None:
        return [f"table {table} is {'missing on the target' if there else 'not on the source'}"]
    problems = [
        unread(table, host, both.name, read)
        for host, read in ((both.pair.source, theirs), (both.pair.target, ours))
        if isinstance(read, Unread)
    ]
    if problems or not (isinstance(theirs, Held) and isinstance(ours, Held)):
        return problems
    floats = min(there.version, here.version) < EXACT_FLOATS
    finder = Finder(
        Side(both.there, there), Side(both.here, here), max(theirs.rows, ours.rows), floats
    )
    try:
        found = finder.apart()
    except StepFailed as error:
        return [f"{table}: the rows that differ couldn't be read: {error.what}"]
    return rows_apart(table, theirs.rows, ours.rows, found)


def _sequences(both: Both) -> Iterator[Proof]:
    there, here = sequences(both.there), sequences(both.here)
    names = sorted({*there, *here})
    differing = tuple(
        f"sequence {name}: {there.get(name, 'missing')} on the source, "
        f"{here.get(name, 'missing')} on the target"
        for name in names
        if there.get(name) != here.get(name)
    )
    if names:
        equal = len(names) - len(differing)
        yield Proof(f"{both.name}: sequences", len(names), equal, "sequences", differing)
