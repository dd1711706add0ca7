"""The step that makes both machines go back by themselves once they hear nothing any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from transhume.core.change import Act, Carry, Change, Keep, Never, Place, Series
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.step import Renewal, Step
from transhume.errors import StepFailed
from transhume.steps.guard.post import UNIT, posted, removed, state, told, watched
from transhume.steps.guard.script import script

_WATCHING = ("armed", "committing", "confirmed")


@dataclass(frozen=True)
class Arm(Step):
    """Each machine gets the ways back of what the next steps will do to it, as a script.

    The target gives up what it took after half of the time, and the source takes its place back
    after all of it, once nobody answers for its address: at no moment both hold it. What happens
    at each moment is in docs/back.md.
    """

    steps: tuple[Step, ...]
    """What is taken back: the stop of the source's services, and the switch."""
    free: tuple[Act, ...]
    """On the source: succeed once nobody holds its addresses."""
    contested: tuple[Act, ...]
    """On the target: succeed when it holds an address that another machine holds, too."""
    limit: int
    key = "arm-guard"
    title = "arm the guards on both machines"
    why = "If transhume dies or the line is lost, the source is serving again within minutes."
    phase = "cutover"
    touches = frozenset({"source", "target"})

    def run(self, pair: Pair) -> Iterator[Change]:
        refuse_returned(pair.source)
        known = {host.place: state(host) for host in (pair.source, pair.target)}
        new = [place for place, now in known.items() if now in ("", "returned")]
        changes = [change for step in self.steps for change in step.run(pair)] if new else []
        for place, now in known.items():
            if place in new:
                act = posted(place, *self._orders(place, changes), boots=place == "target")
                yield Change(f"arm the {place}'s guard", act, removed(place))
            elif now not in _WATCHING:
                keep = Keep("it goes with the guard")
                yield Change(f"arm the {place}'s guard again", told(place, "arm"), keep)

    def _orders(self, place: Place, changes: list[Change]) -> tuple[int, dict[str, bytes]]:
        orders = {"back": script(ways_back(changes), place, strict=False)}
        if place == "source":
            return self.limit, {**orders, "free": script(self.free, place, strict=True)}
        forth = script([change.act for change in changes], place, strict=True)
        orders["forth"] = forth
        if self.contested:
            orders["contested"] = script(self.contested, place, strict=True)
        return self.limit // 2, orders

    def renewal(self) -> Renewal:
        return renewed(self.limit, Confirm.key)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        for host in (pair.source, pair.target):
            if not watched(host, *_WATCHING):
                yield unwatched(host)


def ways_back(changes: Iterable[Change]) -> list[Act]:
    """What takes these changes back, the last one first."""
    backs = [change.back for change in changes]
    return [back for back in reversed(backs) if not isinstance(back, (Keep, Never, Carry))]


def unwatched(host: Host) -> Finding:
    """That a machine has no guard which is at work."""
    seen = f"nobody watches over the {host.place}: {state(host) or 'no guard'}"
    why = "If transhume died or the line were lost, nobody would serve people."
    return Finding("not-guarded", "blocks", host.place, seen, why)


def renewed(limit: int, until: str) -> Renewal:
    """The source first: the target's time must never be renewed alone."""
    return Renewal((told("source", "renew"), told("target", "renew")), limit / 12, until)


# 2 is Python's answer where the guards were taken away already. The target is on trial before the
# source may come: one that loses its power in between doesn't come up with the address.
_BACK = Series(
    (
        told("target", "commit", ok=(0, 2, 3)),
        told("source", "arm", ok=(0, 2, 3)),
        told("target", "arm", ok=(0, 2, 3)),
    )
)


@dataclass(frozen=True)
class Confirm(Step):
    """In an order in which a stop at any moment leaves one holder of the address.

    First the target is to keep what it has, then the source never comes back by itself, and only
    then is the target's trial over. On the way back it is the other way round.
    """

    key = "confirm"
    title = "confirm the switch"
    why = "From here on the source stays away for good, so the target may be opened."
    phase = "after"
    touches = frozenset({"source", "target"})

    def run(self, pair: Pair) -> Iterator[Change]:
        if _confirmed(pair):
            return
        words = (told("target", "commit"), told("source", "confirm"), told("target", "confirm"))
        yield Change("confirm the switch on both", Series(words), _BACK)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        if not _confirmed(pair):
            yield Finding("not-confirmed", "blocks", "both", "the switch isn't confirmed")


@dataclass(frozen=True)
class Disarm(Step):
    """Nothing of the guards stays on either machine."""

    key = "disarm-guard"
    title = "take the guards away"
    why = "They watched over the switch, which is made."
    phase = "after"
    touches = frozenset({"source", "target"})

    def run(self, pair: Pair) -> Iterator[Change]:
        for host in (pair.source, pair.target):
            if state(host):
                keep = Keep("there is no switch to watch over any more")
                yield Change(f"take the {host.place}'s guard away", removed(host.place), keep)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        for host in (pair.source, pair.target):
            if state(host):
                yield Finding("left-over", "blocks", host.place, "its guard is still there")


def refuse_returned(source: Host) -> None:
    """StepFailed when the source took its place back: what was made of the target since the freeze
    isn't a copy of it any more."""
    now = state(source)
    if now in ("returning", "returned"):
        raise StepFailed(
            "the source has taken its place back by itself: transhume wasn't heard of in time",
            state="The source serves, or is about to; the target is closed. "
            f"Why and when: journalctl -u {UNIT} on the source.",
            remedy="transhume rollback, which puts the rest in order, too; then begin again with "
            "transhume sync",
        )


def _confirmed(pair: Pair) -> bool:
    return all(state(host) == "confirmed" for host in (pair.source, pair.target))
