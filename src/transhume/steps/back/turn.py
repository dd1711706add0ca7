"""Note from the switch on what changes on the target, so that it can be carried back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from transhume.core.change import Act, Change, Keep, Series, Together, psql
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.core.step import Step
from transhume.steps.back.way import Way, turned
from transhume.steps.follow_trees import followed, tracking
from transhume.steps.followed import FOLLOWING, Told, counted, noted
from transhume.steps.mounted import noting
from transhume.steps.replication import scripts
from transhume.steps.replication.hot_proof import CREATE
from transhume.steps.replication.settings import block, conf, without, written
from transhume.steps.replication.survey import PUBLICATION, server
from transhume.steps.server_settings import restarted

_LISTED = Keep("the tracker's list goes when the tracker goes")
_PUBLISHED = f"select 1 from pg_publication where pubname = '{PUBLICATION}'"


@dataclass(frozen=True)
class PrepareTarget(Step):
    """The target's PostgreSQL can tell what changes in it; empty, it may be restarted for that."""

    way: Way
    key = "return-settings"
    title = "let the target's databases be followed"
    why = "Going back after the opening takes along what people did on the target."
    phase = "sync"

    def check(self, pair: Pair) -> Iterator[Finding]:
        hindrance = self.way.hindrance(pair)
        if hindrance:
            yield Finding(
                "no-way-back",
                "notes",
                "both",
                f"going back after the opening would lose what came since: {hindrance}",
                "Until the opening everything can be taken back.",
            )

    def run(self, pair: Pair) -> Iterator[Change]:
        wanted = self._wanted(pair)
        there = server(pair.target)
        if wanted and not (there.provable(wanted) and there.within_bounds):
            former = pair.target.file(conf(there)) or b""
            own = without(former)
            lines = own if not own or own.endswith(b"\n") else own + b"\n"
            write = written(pair.target, there, lines + block(there, wanted).encode())
            back = Series((written(pair.target, there, own), restarted()))
            yield Change("write them and restart PostgreSQL", Series((write, restarted())), back)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        wanted = self._wanted(pair)
        if wanted and not server(pair.target).provable(wanted):
            seen = "PostgreSQL on the target can't be followed"
            yield Finding("not-followable", "blocks", "target", seen)

    def _wanted(self, pair: Pair) -> int:
        """How many databases are followed; 0 where going back would lose something anyway."""
        return len(self.way.names(pair))


@dataclass(frozen=True)
class FollowTarget(Step):
    """A tracker and a publication are there before people are; nothing is noted yet."""

    way: Way
    key = "follow-target"
    title = "follow what changes on the target"
    why = "What takes time is done before anybody waits for it."
    phase = "cutover"
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        names = self.way.names(pair)
        if not names:
            return
        other = turned(pair)
        yield from tracking(pair.target, self.way.trees, counted(other))
        for note in noting(pair.target, pair.source, [tree.path for tree in self.way.trees]):
            yield Change("note where the source's trees lie", note, _LISTED)
        told = counted(other)
        fresh = [path for path, news in told.trees.items() if news.gaps]
        if fresh:
            # Now, for it looks for all names of files that have several.
            yield Change("begin the tracker's list", noted(told, "acked", fresh, "target"), _LISTED)
        for name in names:
            act = psql(name, scripts.published(pair.target, name))
            yield Change(f"publish the target's {name}", act, psql(name, scripts.UNPUBLISH))

    def verify(self, pair: Pair) -> Iterator[Finding]:
        names = self.way.names(pair)
        if not names:
            return
        told = counted(turned(pair))
        if not followed(told, self.way.trees):
            seen = told.problem or "the tracker follows other trees"
            yield Finding("target-not-followed", "blocks", "target", seen, self.why)
        for name in names:
            if not pair.target.sql(name, _PUBLISHED):
                yield Finding("target-not-published", "blocks", "target", f"{name} isn't published")


@dataclass(frozen=True)
class TurnTrees(Step):
    """What changes in the target's trees from here on is what people, and its services, did."""

    way: Way
    key = "turn-trees"
    title = "note what changes in the target's trees"
    why = "Trees and list agree now: nobody has written since the last copy."
    phase = "cutover"
    account = "files"
    usual = (0.1, 0.4)
    settled_by = "start"

    def run(self, pair: Pair) -> Iterator[Change]:
        if not self.way.names(pair):
            return
        told = counted(turned(pair))
        whole = list(_followed(told))
        if whole:
            acts = tuple(noted(told, what, whole, "target") for what in ("acked", "proved"))
            yield Change("tell the target's tracker that all is known", Series(acts), _LISTED)


def _followed(told: Told) -> Iterator[str]:
    """The trees whose list is whole; any other is compared as a whole on the way back."""
    for path, news in told.trees.items():
        if not news.gaps and news.way in FOLLOWING:
            yield path


@dataclass(frozen=True)
class TurnDatabases(Step):
    """From here on the target's log is kept until it was carried back, or the move is finished."""

    way: Way
    key = "turn-databases"
    title = "keep what changes in the target's databases"
    why = "Both are equal now, and nobody writes: what comes later is what would be carried back."
    phase = "cutover"
    account = "databases"
    usual = (0.1, 0.5)

    def run(self, pair: Pair) -> Iterator[Change]:
        acts: dict[str, Act] = {}
        back = ""
        for name in self.way.names(pair):
            slot = self.way.slot(pair, name)
            drops = "".join(scripts.dropped(each) for each in (slot.copy, slot.name))
            create = (sql.SQL(CREATE).format(sql.Literal(each)) for each in (slot.copy, slot.name))
            acts[name] = psql(name, drops + "".join(each.as_string() for each in create))
            back += drops
        if acts:
            title = f"keep a place in the log of {', '.join(acts)}"
            yield Change(title, Together(tuple(acts.values())), psql("postgres", back))

    def verify(self, pair: Pair) -> Iterator[Finding]:
        kept = self.way.kept(pair)
        for name in self.way.names(pair):
            if name not in kept:
                seen = f"nothing keeps what changes in {name}"
                yield Finding("target-not-kept", "blocks", "target", seen, self.why)
