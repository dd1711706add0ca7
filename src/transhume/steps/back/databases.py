"""Carry the databases from the target to the source by replication, which began at the switch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from transhume.core.change import Act, Change, Keep, Run, Series, Together, psql
from transhume.core.finding import Finding, Proof
from transhume.core.host import Pair
from transhume.core.lag import Lag
from transhume.core.step import Step
from transhume.errors import NoReturn
from transhume.steps.back import tunnel
from transhume.steps.back.way import Way, turned
from transhume.steps.changed import compared
from transhume.steps.database_proof import opened, prove_sequences
from transhume.steps.differences import named
from transhume.steps.postgresql import StartSourcePostgres
from transhume.steps.replication import on_source, scripts
from transhume.steps.replication.finish import sequences
from transhume.steps.replication.hot_proof import changes
from transhume.steps.replication.standing import standing
from transhume.steps.replication.survey import server

_STAY = "the target serves on: transhume cutover --yes; then mend what was written on the source"
_PATIENCE = 30
_FOLLOWS = Keep("it follows the target on; the next way back needs less, and finish ends it")
_FLUSH = "select pg_logical_emit_message(true, 'transhume', 'carried') \\g /dev/null\n"


@dataclass(frozen=True)
class WakeSource(StartSourcePostgres):
    """The source's server runs, alone."""

    key = "wake-source"
    why = "What people did on the target is carried into it."
    phase = "back"


@dataclass(frozen=True)
class CanReturn(Step):
    """Nothing is begun that couldn't come to its end."""

    way: Way
    key = "can-return"
    title = "see that everything can be carried back"
    why = "Whoever finds that out while people wait has found it out too late."
    phase = "back"
    touches = frozenset()
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        lost = self.way.lost(pair)
        if lost:
            raise NoReturn(
                f"what people did on the target can't be carried back: {lost}",
                state="Nothing was touched: the target goes on serving.",
                remedy="mend that, or go back without it: transhume rollback --lose-new-mail",
            )
        return iter(())


@dataclass(frozen=True)
class CarryDatabases(Step):
    """Each database of the source takes what was written on the target since the switch."""

    way: Way
    key = "carry-databases"
    title = "carry the databases back"
    why = "They catch up while people work; little is left to do while they wait."
    phase = "back"
    touches = frozenset({"source", "target"})
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        names, other = self.way.following.followed(pair), turned(pair)
        ini = self.way.following.ini
        yield from tunnel.opened(pair, ini)
        user = server(pair.target).user
        for name in names:
            slot = self.way.slot(pair, name)
            if standing(other, name).trouble:
                text = scripts.subscribed(slot.copy, tunnel.conninfo(user, name))
                act = on_source.script(ini, name, scripts.UNSUBSCRIBE + text)
                yield Change(f"let the source's {name} follow", act, _FOLLOWS)
        waits = tuple(reach(pair, name) for name in names)
        yield Change("catch up with the databases", Together(waits), Keep("nothing was altered"))
        for name in names:
            yield from changes(other, name, self.way.slot(pair, name), psql, _STAY)

    def lag(self, pair: Pair) -> Iterator[Lag]:
        for name in self.way.following.followed(pair):
            now = standing(turned(pair), name)
            yield Lag(name, now.behind, "bytes", now.seconds or 0.0, following=True)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        for name in self.way.following.followed(pair):
            trouble = standing(turned(pair), name).trouble
            if trouble:
                yield Finding("not-carried", "blocks", "both", f"{name}: {trouble}")


def reach(pair: Pair, name: str) -> Run:
    """Wait until the source holds what the target's log has now."""
    now = standing(turned(pair), name)
    text = scripts.reached(now.slot, now.position, strict=False, patience=_PATIENCE)
    return psql("postgres", text)


@dataclass(frozen=True)
class CarryChanges(Step):
    """The databases of the source hold what the target held when it was stopped."""

    way: Way
    key = "carry-changes"
    title = "finish the databases on the source"
    why = "Nobody writes any more: the last changes, and where the sequences stand."
    phase = "back"
    account = "databases"
    touches = frozenset({"source", "target"})

    def run(self, pair: Pair) -> Iterator[Change]:
        # A target that was restarted meanwhile has lost it.
        yield from tunnel.opened(pair, self.way.following.ini)
        names = self.way.following.followed(pair)
        acts = tuple(self._finish(pair, name) for name in names)
        yield Change(f"finish {', '.join(names)}", Together(acts), _FOLLOWS)

    def _finish(self, pair: Pair, name: str) -> Act:
        rest = sequences(pair.target, name) + _FLUSH
        return Series((reach(pair, name), on_source.script(self.way.following.ini, name, rest)))

    def verify(self, pair: Pair) -> Iterator[Proof]:
        for name in self.way.following.followed(pair):
            yield from self._prove(pair, name)

    def _prove(self, pair: Pair, name: str) -> Iterator[Proof]:
        with ExitStack() as stack:
            both = opened(stack, pair, name)
            seen = self.way.slot(pair, name).touched(both.here, None)
            found = compared(both.sides, seen)
            lines = tuple(named(*item) for item in found.differing)
            # That it could be compared counts for one: nothing may have changed.
            count = found.rows + found.tables + 1
            equal = max(0, count - len(lines))
            yield Proof(f"{name}: changes", count, equal, "changes", lines)
            yield from prove_sequences(both)


@dataclass(frozen=True)
class Untie(Step):
    """The source's databases are its own again."""

    way: Way
    key = "untie"
    title = "let the source's databases go"
    why = "All was carried and proved: nothing ties the source to the target any more."
    phase = "back"
    account = "databases"
    touches = frozenset({"source", "target"})

    def run(self, pair: Pair) -> Iterator[Change]:
        yield Change("let them go", untied(self.way, pair), Keep("nothing is left to follow"))


def untied(way: Way, pair: Pair) -> Series:
    """The act after which no database of the source follows the target."""
    ini = way.following.ini
    names = way.following.copier.present(pair)
    apart = tuple(on_source.script(ini, name, scripts.UNSUBSCRIBE) for name in names)
    return Series((Together(apart), tunnel.stop()))
