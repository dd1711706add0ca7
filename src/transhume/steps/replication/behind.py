"""How far behind a database is, found by trying; and the last wait for it before the freeze."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from transhume.core.at_once import at_once
from transhume.core.change import Change, Keep, Together
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.core.lag import Lag
from transhume.core.step import Step
from transhume.steps.replication import scripts
from transhume.steps.replication.finish import Ready
from transhume.steps.replication.following import Following
from transhume.steps.replication.standing import Standing, standing

_TRYING_SECONDS = 5.0
_PAUSE_SECONDS = 0.05
_PATIENCE = 30
# The finish waits for just this: all of the source's log up to now, taken by one who is there.
_REACHED = """
select confirmed_flush_lsn >= %s::pg_lsn and active from pg_replication_slots where slot_name = %s
"""


def lags(pair: Pair, names: Sequence[str]) -> list[Lag]:
    """How far behind each of these databases is; all are tried at the same time."""
    return at_once([partial(_lag, pair, name) for name in names]) if names else []


def _lag(pair: Pair, name: str) -> Lag:
    now = standing(pair, name)
    seconds = None if now.trouble else _seconds(pair, now)
    return Lag(name, now.behind, "bytes", seconds, following=not now.trouble)


def _seconds(pair: Pair, now: Standing) -> float | None:
    """How long the target takes to come to where the source is now; None when nobody knows.

    A follower that is far behind says itself how far; one that is held up says nothing.
    """
    began = time.monotonic()
    while True:
        reached = pair.source.sql("postgres", _REACHED, now.position, now.slot) == [(True,)]
        waited = time.monotonic() - began
        if reached:
            return waited
        if waited > _TRYING_SECONDS:
            return None if now.seconds is None else max(now.seconds, waited)
        time.sleep(_PAUSE_SECONDS)


@dataclass(frozen=True)
class WaitForDatabases(Step):
    """The databases that follow are waited for while people work, not while they wait."""

    following: Following
    key = "wait-for-databases"
    title = "wait for the databases once more"
    why = "What they are behind now would be waited for while people are shut out."
    phase = "cutover"
    touches = frozenset({"source"})
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        found = [standing(pair, name) for name in self.following.followed(pair)]
        acts = tuple(
            scripts.catch_up(
                self.following, now.slot, now.position, strict=False, patience=_PATIENCE
            )
            for now in found
            if not now.trouble and (now.behind or not now.active)
        )
        if acts:
            yield Change("catch up with the databases", Together(acts), Keep("nothing was altered"))

    def lag(self, pair: Pair) -> Iterator[Lag]:
        yield from lags(pair, self.following.followed(pair))

    def verify(self, pair: Pair) -> Iterator[Finding]:
        yield from Ready(self.following).verify(pair)
