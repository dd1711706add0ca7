"""Prove that a database on the target is the source's: its shape, its rows, its sequences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial

from transhume.core.at_once import at_once
from transhume.core.event import Progress
from transhume.core.finding import Proof
from transhume.core.host import Host, Pair, Snapshot
from transhume.core.tally import Tell, untold
from transhume.errors import StepFailed
from transhume.steps import schema
from transhume.steps.apart import Finder, Side
from transhume.steps.described import described
from transhume.steps.differences import described_apart, holders, rows_apart, unread
from transhume.steps.mark import Mark
from transhume.steps.rows import EXACT_FLOATS, Held, Unread, read_both
from transhume.steps.schema_queries import KINDS
from transhume.steps.sequences import sequences
from transhume.steps.tables import Table, tables
from transhume.steps.working import Told, since

_VERSIONS = "select extname::text, extversion from pg_extension"
Notice = Callable[[Progress], None]
"""Hears how far a part is."""


def unheard(progress: Progress) -> None:
    """Nobody looks on."""


@dataclass(frozen=True)
class Both:
    """One database of both machines as it is now."""

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
    yield prove_settings(pair, name)
    if described(pair.target, name) is not None:
        with ExitStack() as stack:
            yield from _schema(opened(stack, pair, name), tuple(KINDS))


def prove(
    pair: Pair,
    name: str,
    notice: Notice = unheard,
    mark: Mark | None = None,
    kinds: Sequence[str] = tuple(KINDS),
    tell: Tell = untold,
) -> Iterator[Proof]:
    """All proofs of the database: these kinds of its objects, then its rows and sequences.

    With a mark people work on the target: rows that were written there since are theirs, and a
    sequence may be ahead. Whatever is older must still be the source's.
    """
    yield prove_settings(pair, name)
    if described(pair.target, name) is None:
        return
    with ExitStack() as stack:
        both = opened(stack, pair, name)
        yield from _schema(both, kinds)
        yield _contents(both, notice, mark, partial(tell, both.name))
        yield from prove_sequences(both, working=mark is not None)


def opened(stack: ExitStack, pair: Pair, name: str, jobs: int = 0) -> Both:
    """Both databases as they are now, until the stack is closed.

    Over `jobs` connections each, by default one for each core there: for a few rows one is enough.
    """
    there, here = at_once(
        [
            partial(_entered, stack, host.snapshot(name, jobs or _cores(host)))
            for host in (pair.source, pair.target)
        ]
    )
    return Both(pair, name, there, here)


def _entered(stack: ExitStack, snapshot: AbstractContextManager[Snapshot]) -> Snapshot:
    return stack.enter_context(snapshot)


def _cores(host: Host) -> int:
    return int(host.read("nproc"))


def prove_settings(pair: Pair, name: str) -> Proof:
    """Prove owner, encoding, locale, settings, privileges and the like of the database."""
    there, here = described(pair.source, name), described(pair.target, name)
    fields, differing = described_apart(there, here)
    return Proof(f"{name}: settings", fields, fields - len(differing), "settings", differing)


def _schema(both: Both, kinds: Sequence[str]) -> Iterator[Proof]:
    shape = schema.compared(both.sides, kinds)
    equal = shape.objects - len(shape.differing)
    locked = tuple(
        f"locked on the {host.place}: {held}"
        for host in (both.pair.source, both.pair.target)
        if host.place in shape.locked
        for held in holders(host, both.name)
    )
    part, differing, notes = f"{both.name}: schema", shape.differing + locked, _versions(both)
    yield Proof(part, shape.objects, equal, "objects", differing, notes=notes)


def _versions(both: Both) -> tuple[str, ...]:
    """Extensions of another version: each PostgreSQL brings its own, and a restore takes that."""
    there, here = (dict(side.read(_VERSIONS)) for side in both.sides)
    return tuple(
        f"extension {name}: {there[name]} on the source, {here[name]} on the target, as it comes "
        "with PostgreSQL"
        for name in sorted(there.keys() & here.keys())
        if there[name] != here[name]
    )


def _contents(both: Both, notice: Notice, mark: Mark | None, say: Callable[[str], None]) -> Proof:
    there, here = tables(both.there), tables(both.here)

    def heard(done: int, whole: int) -> None:
        notice(Progress(both.name, done, whole, "bytes"))

    theirs, ours = read_both(both.sides, (there, here), heard)
    names = sorted({*there, *here})
    told = {
        name: _told(both, there.get(name), here.get(name), held, mark, say)
        for name in names
        for held in [(theirs.get(name), ours.get(name))]
        if held[0] != held[1] or isinstance(held[0], Unread)
    }
    lines = tuple(line for name in names if name in told for line in told[name].lines)
    unlike = sum(1 for each in told.values() if each.lines)
    # Two without any table are equal in just that.
    compared = max(1, len(names))
    since = sum(each.since for each in told.values())
    return Proof(both.name, compared, compared - unlike, "tables", lines, since)


def _said(lines: Sequence[str], say: Callable[[str], None]) -> Told:
    for line in lines:
        say(line)
    return Told(tuple(lines))


def _told(
    both: Both,
    there: Table | None,
    here: Table | None,
    held: tuple[Held | Unread | None, Held | Unread | None],
    mark: Mark | None,
    say: Callable[[str], None],
) -> Told:
    """What to say of a table that isn't equal; `say` gets all of it."""
    if there is None or here is None:
        missing = "missing on the target" if there else "not on the source"
        return _said((f"table {there or here} is {missing}",), say)
    theirs, ours = held
    problems = [
        unread(there, host, both.name, read)
        for host, read in ((both.pair.source, theirs), (both.pair.target, ours))
        if isinstance(read, Unread)
    ]
    if problems or not (isinstance(theirs, Held) and isinstance(ours, Held)):
        return _said(problems, say)
    floats = min(there.version, here.version) < EXACT_FLOATS
    sides = Side(both.there, there), Side(both.here, here)
    finder = Finder(*sides, max(theirs.rows, ours.rows), floats)
    try:
        if mark is None:
            return Told(rows_apart(there, theirs.rows, ours.rows, finder.pages(), say))
        return since(finder, mark, mark.since(both.pair.target, both.name, str(there)), say)
    except StepFailed as error:
        return _said((f"{there}: the rows that differ couldn't be read: {error.what}",), say)


def prove_sequences(both: Both, *, working: bool = False) -> Iterator[Proof]:
    """Prove where the sequences stand, if there are any."""
    there, here = sequences(both.there), sequences(both.here)
    names = sorted({*there, *here})
    unlike = {name for name in names if there.get(name) != here.get(name)}
    known = {name for name in unlike if working and name in there and name in here}
    ahead = {name for name in known if not here[name].behind(there[name])}
    differing = tuple(
        f"sequence {name}: {there.get(name, 'missing')} on the source, "
        f"{here.get(name, 'missing')} on the target"
        for name in names
        if name in unlike and name not in ahead
    )
    if names:
        equal = len(names) - len(differing)
        part = f"{both.name}: sequences"
        yield Proof(part, len(names), equal, "sequences", differing, len(ahead))
