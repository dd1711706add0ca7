"""Let the databases follow: copy each as it stands at one moment, then take every change since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from transhume.agent import program
from transhume.core.at_once import at_once
from transhume.core.change import (
    Act,
    Change,
    Keep,
    Run,
    SeedDatabase,
    Series,
    Together,
    psql,
)
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.core.lag import Lag
from transhume.core.step import Step
from transhume.errors import StepFailed
from transhume.steps.copier import compression, creation, tables
from transhume.steps.described import described
from transhume.steps.replication import scripts, tunnel
from transhume.steps.replication.behind import lags
from transhume.steps.replication.defined import noted
from transhume.steps.replication.following import Following
from transhume.steps.replication.identity import lacks
from transhume.steps.replication.record import Record
from transhume.steps.replication.standing import slot_name, standing, wrong
from transhume.steps.replication.survey import server

_LEFT = Keep("the target's copy does no harm, and the source keeps nothing for it")
_PATIENCE = 30
"""Seconds without a word from the target after which a hot pass goes on."""


@dataclass(frozen=True)
class Follow(Step):
    """Each database that can follow does so from here on; the others are let go."""

    following: Following
    key = "follow-databases"
    title = "let the databases follow"
    why = "Copied once while people work, they take every change at once: little is left to do."
    phase = "sync"
    rows = (13, 16)
    touches = frozenset({"source", "target"})
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        wanted = self._wanted(pair)
        for name, follows in wanted.items():
            if not follows:
                yield from self._let_go(pair, name)
        names = [name for name, follows in wanted.items() if follows]
        if names:
            yield from tunnel.opened(pair, server(pair.source).port)
            yield from self._catch_up(pair, names)
            yield from self._seed(pair, names)
            yield from self._catch_up(pair, names)
        shelf = self.following.shelf
        for changes in at_once([partial(noted, pair, name, shelf) for name in names]):
            yield from changes

    def _wanted(self, pair: Pair) -> dict[str, bool]:
        """Whether each is to follow now: until the restart at its hour none can."""
        choices = self.following.choices(pair)
        able = server(pair.source).enough(sum(1 for reason in choices.values() if not reason))
        return {name: able and not reason for name, reason in choices.items()}

    def _let_go(self, pair: Pair, name: str) -> Iterator[Change]:
        """It is dumped: nothing of an earlier following may be left."""
        shelf, known = self.following.shelf, self.following.shelf.get(pair.target, name)
        now = standing(pair, name)
        identities = known.identities if known else ()
        if now.begun or identities:
            act = scripts.abandon(self.following, name, now.slot, identities)
            yield Change(f"let go of {name}", act, Keep("nothing follows it any more"))
        if known != Record("dump"):
            write = shelf.put(name, Record("dump"))
            yield Change(f"note that {name} is dumped", write, shelf.back(name, known))

    def _catch_up(self, pair: Pair, names: list[str]) -> Iterator[Change]:
        acts = []
        for name in names:
            now = standing(pair, name)
            if not now.trouble and (now.behind or not now.active):
                acts.append(self._awaited(now.slot, now.position))
        if acts:
            yield Change("catch up with the databases", Together(tuple(acts)), _LEFT)

    def _awaited(self, slot: str, position: str) -> Run:
        where, patience = self.following, _PATIENCE
        return scripts.catch_up(where, slot, position, strict=False, patience=patience)

    def _seed(self, pair: Pair, names: list[str]) -> Iterator[Change]:
        """Copy anew what doesn't follow, all at once; each follows as soon as it is whole."""
        reasons = {name: self._reason(pair, name) for name in names}
        again = [name for name, reason in reasons.items() if reason]
        for name in again:
            yield from self._prepare(pair, name)
        if again:
            why = sorted({reasons[name] for name in again})
            shares = self.following.copier.shares(pair.source, again)
            acts = tuple(self._copy(pair, name, shares[name]) for name in again)
            backs = tuple(self._uncopy(pair, name) for name in again)
            title = f"copy {', '.join(again)} and follow ({'; '.join(why)})"
            yield Change(title, Together(acts), Series(backs))

    def _reason(self, pair: Pair, name: str) -> str:
        known = self.following.shelf.get(pair.target, name)
        return wrong(pair, name, standing(pair, name), known)

    def _prepare(self, pair: Pair, name: str) -> Iterator[Change]:
        """Identities are noted before any is altered, and altered before anything is published."""
        shelf, source = self.following.shelf, pair.source
        known, lacking = shelf.get(pair.target, name), lacks(source, name)
        record = replace(known or Record("follow"), how="follow", position="", definitions="")
        record = record.knowing(tuple(lack.former for lack in lacking))
        if record != known:
            write = shelf.put(name, record)
            yield Change(f"note how {name} was", write, shelf.back(name, known))
        back = scripts.unpublish(self.following, name, record.identities)
        if lacking:
            wanted = [lack.wanted for lack in lacking]
            identify = scripts.identify(self.following, name, wanted)
            title = f"tell the rows of {len(wanted)} tables of {name} apart"
            yield Change(title, identify, back)
        yield Change(f"publish {name}", scripts.publish(self.following, source, name), back)

    def _copy(self, pair: Pair, name: str, jobs: int) -> Act:
        copier, slot = self.following.copier, slot_name(pair.source, name)
        database = described(pair.source, name)
        if database is None:
            raise StepFailed(f"the source has no database {name} any more")
        seed = SeedDatabase(
            name,
            slot,
            copier.at(name),
            jobs,
            compression(pair.target),
            program("under_snapshot"),
            tables(pair.source, name),
        )
        user = server(pair.source).user
        return Series(
            (
                scripts.unsubscribe(name),
                scripts.drop_slot(self.following, slot),
                psql("postgres", creation(database)),
                seed,
                scripts.subscribe(name, slot, user),
            )
        )

    def _uncopy(self, pair: Pair, name: str) -> Act:
        slot = slot_name(pair.source, name)
        return Series((scripts.unsubscribe(name), scripts.drop_slot(self.following, slot)))

    def verify(self, pair: Pair) -> Iterator[Finding]:
        for name in self.following.followed(pair):
            trouble = standing(pair, name).trouble
            if trouble:
                yield Finding("not-following", "blocks", "both", f"{name}: {trouble}")

    def lag(self, pair: Pair) -> Iterator[Lag]:
        yield from lags(pair, self.following.followed(pair))
