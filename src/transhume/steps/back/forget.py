"""The end of the way back: nothing on either machine is kept for it any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.change import Act, Change, Keep, Never, Series, Together, psql
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.core.step import Step
from transhume.steps.back.databases import untied
from transhume.steps.back.way import Way
from transhume.steps.follow_trees import removed, stopped
from transhume.steps.followed import FOLDER
from transhume.steps.postgresql import StartSourcePostgres
from transhume.steps.replication import scripts
from transhume.steps.replication.identity import Identity
from transhume.steps.replication.identity import script as identities
from transhume.steps.replication.settings import conf, without, written
from transhume.steps.replication.survey import server

_OVER = Never("the move is over: what people did on the target stays there alone")
_LEFT = """
select slot_name from pg_replication_slots where slot_name like 'transhume\\_%'
"""


@dataclass(frozen=True)
class ForgetReturn(Step):
    """Slots, publications, identities, the tracker, the settings that they needed."""

    way: Way
    key = "forget-return"
    title = "keep nothing for a way back any more"
    why = "What is kept for a way back costs the target's disk more from day to day."
    phase = "finish"
    touches = frozenset({"source", "target"})

    def run(self, pair: Pair) -> Iterator[Change]:
        if self.way.barred:
            return
        yield from StartSourcePostgres().run(pair)
        names = self.way.following.copier.present(pair)
        here = Together(tuple(self._forget(pair, name) for name in names))
        yield Change("let the target's databases go", here, _OVER)
        there_too = (self._unpublish(pair, name) for name in names)
        apart = Series((untied(self.way, pair), Together(tuple(there_too))))
        yield Change("let the source's databases go", apart, Keep("nothing follows any more"))
        act = Series((stopped("target"), removed("target")))
        yield Change("remove the target's tracker", act, _OVER)
        there = server(pair.target)
        content = pair.target.file(conf(there)) or b""
        if without(content) != content:
            write = written(pair.target, there, without(content))
            yield Change("forget the settings, from the next restart on", write, _OVER)

    def _forget(self, pair: Pair, name: str) -> Act:
        slot = self.way.slot(pair, name)
        drops = "".join(scripts.dropped(each) for each in (slot.copy, slot.name))
        return psql(name, drops + scripts.UNPUBLISH + identities(self._formers(pair, name)))

    def _unpublish(self, pair: Pair, name: str) -> Act:
        return scripts.unpublish(self.way.following, name, self._formers(pair, name))

    def _formers(self, pair: Pair, name: str) -> tuple[Identity, ...]:
        known = self.way.following.shelf.get(pair.target, name)
        return known.identities if known else ()

    def verify(self, pair: Pair) -> Iterator[Finding]:
        if self.way.barred:
            return
        for (slot,) in pair.target.sql("postgres", _LEFT):
            yield Finding("left-over", "blocks", "target", f"the slot {slot} is still there")
        if pair.target.ask("test", "-e", FOLDER).status == 0:
            yield Finding("left-over", "blocks", "target", f"{FOLDER} is still there")
