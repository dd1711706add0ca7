"""Shut people out of the target and stop it, so that what is carried back no longer changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.change import Change, Keep, Run, Series, SyncTree, Together
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.core.step import Step
from transhume.steps import door
from transhume.steps.freeze import closed_for_good, masked, not_masked, stopped
from transhume.steps.queue import QUEUES, SPOOL, ReleaseQueue, queued
from transhume.steps.services import Services, still_running


@dataclass(frozen=True)
class ReleaseFirst(ReleaseQueue):
    """Whoever goes back right after the opening may have come before that was done."""

    key = "release-first"
    why = "What is on hold for the switch alone would stay so on the source."
    phase = "back"


@dataclass(frozen=True)
class CloseAgain(door.Close):
    """Nobody but this machine itself reaches the target's services any more."""

    key = "close-again"
    why = "What came in now would be on neither machine's way."
    phase = "back"
    service = "down"


@dataclass(frozen=True)
class StopTarget(Step):
    """Mail first, then all units that run; PostgreSQL stays. A reboot doesn't bring them back."""

    services: Services
    key = "stop-target"
    title = "stop the target's services"
    why = "The last pass must see data that no longer changes."
    phase = "back"
    account = "stop"

    def run(self, pair: Pair) -> Iterator[Change]:
        yield from stopped(pair.target, self.services)
        yield from closed_for_good(pair.target)
        # The turn lets systemd read its units anew.
        yield from masked(pair.target, self.services, reloaded=True)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        yield from still_running(pair.target, self.services)
        yield from not_masked(pair.target, self.services, self.why)


@dataclass(frozen=True)
class CarryQueue(Step):
    """What is queued on the target is queued on the source, once; what left has left."""

    key = "carry-queue"
    title = "carry the mail queue back"
    why = "The source's own queue is that of the switch: the target has long delivered it."
    phase = "back"
    account = "files"
    touches = frozenset({"source", "target"})

    def run(self, pair: Pair) -> Iterator[Change]:
        keep = Keep("mail stays stopped on the source; the target still has the same messages")
        trees = tuple(SyncTree(f"{SPOOL}/{each}", finish=True, to_source=True) for each in QUEUES)
        yield Change("copy the queue to the source", Together(trees), keep)
        # With a log file of its own it ends with 1 once it has renamed something and Postfix is
        # stopped. Again, so that it has nothing left to name.
        again = Series(tuple(Run("source", ("postsuper", "-s"), ok=ok) for ok in ((0, 1), (0,))))
        yield Change("name the queue files anew", again, keep)
        yield Change("wait until it is on disk", Run("source", ("sync", "-f", SPOOL)), keep)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        there, here = queued(pair.source), queued(pair.target)
        for message in ((here - there) + (there - here)).elements():
            seen = f"{message} isn't queued on both machines alike"
            yield Finding("queue-differs", "blocks", "source", seen)
