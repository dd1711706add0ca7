"""The steps that watch over a way back after the opening: who serves if transhume dies in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from transhume.core.change import Act, Change, Place, Series
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.step import Renewal, Step
from transhume.steps.guard.arm import Arm, renewed, unwatched, ways_back
from transhume.steps.guard.post import posted, removed, state, told, watched
from transhume.steps.guard.script import script

Undoing: TypeAlias = Callable[[Collection[str]], tuple[Act, ...]]
"""The ways back of what the steps with these keys did so far, the last one first, as the journal
has them."""


@dataclass(frozen=True)
class ArmBack(Step):
    """The target gets the ways back of its own closing, and serves people on after half of the
    time. The source's guard is put there as one that stays away: the journal's way back arms it."""

    closing: tuple[Step, ...]
    """What is taken back: the closing and the stop of the target."""
    switch: Arm
    """What watched over the switch."""
    undoing: Undoing
    key = "arm-back"
    title = "arm the guard of the way back"
    why = "If transhume dies or the line is lost, the target serves people on within minutes."
    phase = "back"
    touches = frozenset({"source", "target"})
    settled_by = "turn-back"

    def run(self, pair: Pair) -> Iterator[Change]:
        limit = self.switch.limit
        if not watched(pair.source, "confirmed"):
            free = script(self.switch.free, "source", strict=True)
            orders = {"back": _address(self.switch, self.undoing, "source"), "free": free}
            post = posted("source", limit, orders, boots=False, word="confirmed")
            yield _anew("put the source's guard there, which waits", post, removed("source"))
        if not watched(pair.target, "armed"):
            post = posted("target", limit // 2, {"back": self._serving(pair)}, boots=False)
            yield _anew("arm the target's guard", post, removed("target"))

    def _serving(self, pair: Pair) -> bytes:
        """How the target serves on, also where an earlier attempt has closed a part of it."""
        before = self.undoing([step.key for step in self.closing])
        now = [change for step in self.closing for change in step.run(pair)]
        return script((*before, *ways_back(now)), "target", strict=False)

    def renewal(self) -> Renewal:
        return renewed(self.switch.limit, TurnBack.key)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        if not watched(pair.source, "confirmed"):
            yield unwatched(pair.source)
        # Confirmed it is by the turn, which may have been cut off.
        if not watched(pair.target, "armed") and state(pair.target) != "confirmed":
            yield unwatched(pair.target)


@dataclass(frozen=True)
class TurnBack(Step):
    """The target's guard gets the ways back of the address instead. Both stay away until the
    journal's way back arms them, as the first of what it does: see Confirm."""

    switch: Arm
    """What watched over the switch."""
    undoing: Undoing
    key = "turn-back"
    title = "leave the serving to the source"
    why = "It has all that people did: from here on only the source may serve by itself."
    phase = "back"

    def run(self, pair: Pair) -> Iterator[Change]:
        orders = {"back": _address(self.switch, self.undoing, "target")}
        if self.switch.contested:
            orders["contested"] = script(self.switch.contested, "target", strict=True)
        post = posted("target", self.switch.limit // 2, orders, boots=True, word="confirmed")
        act = Series((told("target", "confirm"), post))
        yield Change("have the target serve no more by itself", act, removed("target"))

    def verify(self, pair: Pair) -> Iterator[Finding]:
        for host in (pair.source, pair.target):
            if not watched(host, "confirmed"):
                yield unwatched(host)


def serves_on(target: Host) -> bool:
    """Whether the target's guard gave the way back up, as long as the journal's wasn't begun."""
    return state(target) in ("fired", "returning", "returned")


def _address(switch: Arm, undoing: Undoing, place: Place) -> bytes:
    """How the machine takes its part of the switch back."""
    return script(undoing([step.key for step in switch.steps]), place, strict=False)


def _anew(title: str, post: Act, away: Act) -> Change:
    # That of the switch has more orders, and one for a boot.
    return Change(title, Series((away, post)), away)
