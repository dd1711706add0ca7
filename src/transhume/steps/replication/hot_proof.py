"""Prove followed databases while people work, so that the switch proves only what changed since.

All was equal once, and a slot of the proof's own stands there. Every row that the source's log
touches later is compared by its key: hot as far as the target has come, the rest at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from urllib.parse import quote

from psycopg import sql

from transhume.core.change import Change, Keep, RemoveFile, Run, Series, WriteFile
from transhume.core.finding import Proof
from transhume.core.host import Pair, Snapshot
from transhume.core.step import Step
from transhume.errors import StepFailed
from transhume.steps.changed import Changed, compared
from transhume.steps.database_proof import opened, prove, prove_sequences, prove_settings
from transhume.steps.differences import named
from transhume.steps.replication import on_source, scripts
from transhume.steps.replication.following import Following
from transhume.steps.replication.proof_slot import Slot
from transhume.steps.replication.standing import slot_name, standing
from transhume.steps.replication.survey import PUBLICATION
from transhume.steps.schema_queries import KINDS
from transhume.steps.unlike import Unlike, unlike

_PATIENCE = 30
_PAUSE = "select pg_sleep(0.2)"
_TRIES = 10
_KNOWN = """
select coalesce(to_jsonb(s) ->> 'wal_status', 'reserved') not in ('unreserved', 'lost')
    and s.restart_lsn is not null
from pg_replication_slots s where s.slot_name = %s
"""
_ROOM = "select current_setting('max_replication_slots')::int > count(*) from pg_replication_slots"
_TARGET = "select oid::bigint from pg_database where datname = %s"
CREATE = "select slot_name from pg_create_logical_replication_slot({}, 'pgoutput');\n"
_ADVANCE = "select end_lsn from pg_replication_slot_advance({}, {});\n"
ANEW = "transhume verify names all; transhume rollback and transhume sync copy anew"
# The identities of tables are the one thing of a schema that following alters, and they are put
# back once nothing follows any more.
LASTING = tuple(kind for kind in KINDS if kind != "identity")


@dataclass(frozen=True)
class Base:
    """What was proved hot: the number of the target's database, and how much of it."""

    target: int
    tables: int
    rows: int


@dataclass(frozen=True)
class Ledger:
    """What was proved hot of each database, in a folder of the target and a slot of the source."""

    following: Following
    folder: str

    def path(self, name: str) -> str:
        """The file of one database, whatever its name."""
        return f"{self.folder}/{quote(name, safe='')}.json"

    def slot(self, pair: Pair, name: str) -> Slot:
        """The proof's own slot; the copy's stands as far as the target has come."""
        copy = slot_name(pair.source, name)
        return Slot(pair.source, name, f"{copy}_proof", copy, PUBLICATION)

    def base(self, pair: Pair, name: str) -> Base | None:
        """What was proved; None when it was of another copy, or the log since then is gone."""
        content = pair.target.file(self.path(name))
        if content is None or not self.whole(pair, name):
            return None
        try:
            base = Base(**json.loads(content))
        except (ValueError, TypeError):
            return None
        return base if pair.target.sql("postgres", _TARGET, name) == [(base.target,)] else None

    def whole(self, pair: Pair, name: str) -> bool:
        """Whether the proof's slot is there and has all of the log since its position."""
        return pair.source.sql("postgres", _KNOWN, self.slot(pair, name).name) == [(True,)]

    def drop(self, slot: Slot) -> Series:
        """The act that lets the source forget the proof's slot."""
        return Series((scripts.drop_slot(self.following, slot.name),))

    def let_go(self, pair: Pair, names: Iterable[str]) -> Iterator[Change]:
        """Let the source forget those of these databases' slots that it still has."""
        for name in names:
            slot = self.slot(pair, name)
            if pair.source.sql("postgres", _KNOWN, slot.name):
                gone = Keep("it only kept the log")
                yield Change(f"let go of {slot.name}", self.drop(slot), gone)


@dataclass(frozen=True)
class ProveHot(Step):
    """Each database that follows is proved once as a whole, then row by row as it changes."""

    ledger: Ledger
    key = "prove-databases"
    title = "prove the databases that follow"
    why = "What is proved while people work needn't be proved while they wait."
    phase = "sync"
    touches = frozenset({"source", "target"})
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        # What is dumped is proved whole: until then its slot would only fill the source's disk.
        yield from self.ledger.let_go(pair, self.ledger.following.dumped(pair))
        for name in self.ledger.following.followed(pair):
            if standing(pair, name).trouble:
                continue
            if self.ledger.base(pair, name) is None:
                yield from self._first(pair, name)
            else:
                yield from changes(pair, name, self.ledger.slot(pair, name), self._typed)

    def _first(self, pair: Pair, name: str) -> Iterator[Change]:
        """Prove all of it. Where the source has no room for a slot, that is left for the end."""
        ledger, slot = self.ledger, self.ledger.slot(pair, name)
        ((room,),) = pair.source.sql("postgres", _ROOM)
        if not room and not pair.source.sql("postgres", _KNOWN, slot.name):
            return
        create = sql.SQL(CREATE).format(sql.Literal(slot.name)).as_string()
        made = on_source.script(ledger.following.ini, name, create)
        anew, drop = Series((*ledger.drop(slot).acts, made)), ledger.drop(slot)
        yield Change(f"keep the place from which {name} is proved", anew, drop)
        # While this is only foreseen nothing was kept, and reading everything would show nothing.
        if not ledger.whole(pair, name):
            return
        position = standing(pair, name).position
        reach = scripts.catch_up(
            ledger.following, slot.copy, position, strict=False, patience=_PATIENCE
        )
        yield Change(f"catch up with {name}", reach, Keep("nothing was altered"))
        if slot.reached() < slot.number(position):
            return
        with ExitStack() as stack:
            both = opened(stack, pair, name)
            seen = unlike(both.sides)
            _refuse(name, seen, slot, both.there)
        ((target,),) = pair.target.sql("postgres", _TARGET, name)
        base = json.dumps(asdict(Base(int(target), seen.tables, seen.rows))).encode()
        write = WriteFile("target", ledger.path(name), base, "0600")
        note = f"note that {seen.tables:,} tables of {name} were proved, {seen.rows:,} rows"
        yield Change(note, write, RemoveFile("target", ledger.path(name)))

    def _typed(self, name: str, text: str) -> Run:
        return on_source.script(self.ledger.following.ini, name, text)


def changes(
    pair: Pair, name: str, slot: Slot, typed: Callable[[str, str], Run], remedy: str = ANEW
) -> Iterator[Change]:
    """Prove the rows that changed since, as far as the follower has come.

    The pair's source is the machine with the slot; `typed` gives what types SQL there.
    """
    reached = slot.reached()
    with ExitStack() as stack:
        both = opened(stack, pair, name)
        while True:
            seen = slot.touched(both.there, reached)
            if not seen.until or seen.until > reached:
                return
            found = compared(both.sides, seen)
            left = Unlike(found.tables, found.rows, found.differing)
            _refuse(name, left, slot, both.there, seen.until, remedy)
            place = slot.place(seen.until)
            advance = sql.SQL(_ADVANCE).format(sql.Literal(slot.name), sql.Literal(place))
            done = typed(name, advance.as_string())
            title = f"go on from {found.rows:,} proved changes of {name}"
            yield Change(title, done, Keep("nothing was altered"))
            if slot.position() < seen.until:
                return


def _refuse(
    name: str, seen: Unlike, slot: Slot, there: Snapshot, after: int = 0, remedy: str = ANEW
) -> None:
    """StepFailed for a difference that no later change explains."""
    damage = list(seen.differing)
    for _ in range(_TRIES):
        if not damage:
            return
        # What was committed without a wait for the disk is seen before it can be decoded.
        later = slot.later(there, after)
        damage = [item for item in damage if not later.may_have(*item)]
        there.read(_PAUSE)
    if damage:
        raise StepFailed(
            f"{name} follows, but isn't equal: " + "; ".join(named(*item) for item in damage[:5]),
            remedy=remedy,
        )


def prove_end(pair: Pair, name: str, ledger: Ledger) -> Iterator[Proof]:
    """Prove what changed since the hot proof while nobody writes; without one, everything."""
    base = ledger.base(pair, name)
    if base is None:
        yield from prove(pair, name, kinds=LASTING)
        return
    yield prove_settings(pair, name)
    with ExitStack() as stack:
        both = opened(stack, pair, name, jobs=1)
        seen = ledger.slot(pair, name).touched(both.there, None)
        # Nobody writes, so that whatever is opened later shows the same.
        sides = opened(stack, pair, name).sides if seen.whole else both.sides
        yield _changes_proof(name, compared(sides, seen), base)
        yield from prove_sequences(both)


def _changes_proof(name: str, found: Changed, base: Base) -> Proof:
    lines = tuple(named(*item) for item in found.differing)
    # That the log was read to its end counts for one.
    count = found.rows + found.tables + 1
    note = (
        f"{base.tables:,} tables with {base.rows:,} rows were proved before; since then "
        f"{found.rows:,} rows changed, and {found.tables:,} tables without a key"
    )
    equal = max(0, count - len(lines))
    return Proof(f"{name}: changes", count, equal, "changes", lines, notes=(note,))


@dataclass(frozen=True)
class ForgetProof(Step):
    """The source keeps no place for the proof any more."""

    ledger: Ledger
    key = "forget-proof"
    title = "let go of the proof's place"
    why = "A slot that nobody reads keeps the source's log for ever."
    phase = "after"
    touches = frozenset({"source", "target"})

    def run(self, pair: Pair) -> Iterator[Change]:
        yield from self.ledger.let_go(pair, self.ledger.following.copier.present(pair))
