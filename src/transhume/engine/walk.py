"""The Engine walks a plan forward, proving what was done before, or back by the journal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial

from transhume.core.at_once import at_once
from transhume.core.change import Carry, Change, Keep, Never, Place
from transhume.core.event import Event
from transhume.core.finding import Finding, Proof, remedies, stopping
from transhume.core.host import Pair
from transhume.core.plan import Plan, lanes
from transhume.core.step import Phase, Step
from transhume.core.understood import understood
from transhume.engine.codec import decode_back, encode_change
from transhume.engine.journal import Journal
from transhume.engine.perform import Performer
from transhume.engine.renewals import Renewals
from transhume.engine.state import State
from transhume.errors import NoReturn, StepFailed, TranshumeError


@dataclass(frozen=True)
class Engine:
    """Walks forward over the steps of some phases."""

    plan: Plan
    pair: Pair
    performer: Performer
    journal: Journal
    renewals: Renewals = field(default_factory=Renewals, init=False)

    def forward(self, *phases: Phase) -> None:
        """Make each step that doesn't hold any more, and every step after the first such one.

        "Done" in the journal is a claim: it is believed only while the step's own proof holds.
        Once the target was opened nothing before that is made again, whatever its proof says: it
        holds what people wrote since. The opening itself, and what carries that back, is believed
        as before.
        """
        if "back" not in phases:
            _refuse_half_a_return(self.journal.state)
        trusted = True
        with self.renewals:
            for stage in self.plan.staged(*phases):
                trusted = all(
                    at_once([partial(self._lane, lane, trusted=trusted) for lane in lanes(stage)])
                )

    def _lane(self, lane: tuple[Step, ...], *, trusted: bool) -> bool:
        """Walk these steps; whether the claims of what follows may still be believed."""
        state = self.journal.state
        for step in lane:
            self.renewals.end(step)
            served = state.opened and step.phase != "back"
            if step.repeats:
                if not state.down and not served:
                    self._make(step)
                continue
            if trusted and self._holds(step, state):
                self.journal.write("step-skipped", step=step.key)
            else:
                trusted = served
                self._make(step)
            self.renewals.begin(step, self.performer)
        return trusted

    def _holds(self, step: Step, state: State) -> bool:
        if step.key not in state.done:
            return False
        served = state.opened and step.phase != "back"
        # What lets people in writes nothing over, and whoever is told that they are served goes.
        if (served and step.service != "up") or step.settled_by in state.done:
            return True
        try:
            with understood(f"whether {step.title!r} still holds"):
                return not stopping(step.verify(self.pair))
        except TranshumeError:
            # What can't be looked at isn't proved: made again, the step tells its own error.
            return False

    def _make(self, step: Step) -> None:
        began = time.monotonic()
        self.journal.write(
            "step-begun", step=step.key, title=step.title, phase=step.phase, rows=list(step.rows)
        )
        if step.service == "down" and not self.journal.state.down:
            self.journal.write("down")
        for left in reversed(range(step.tries)):
            for change in self._changes(step):
                self._change(step, change)
            seen = self._looked(step)
            if not (left and stopping(seen)):
                break
        self._prove(step, seen)
        if step.service == "up":
            self.journal.write("up")
        self.journal.write("step-done", step=step.key, seconds=time.monotonic() - began)

    def _changes(self, step: Step) -> Iterator[Change]:
        with understood(step.title):
            yield from step.run(self.pair)

    def _change(self, step: Step, change: Change) -> None:
        forbidden: frozenset[Place] = change.places() - step.touches
        if forbidden:
            raise StepFailed(
                f"the step {step.key} wanted to alter the {' and '.join(sorted(forbidden))}, "
                f"which it doesn't declare: {change.title}"
            )
        self.renewals.assure()
        data = encode_change(change, self.journal.bodies)
        begun = self.journal.write("change-begun", step=step.key, **data)
        began, stood = time.monotonic(), self.performer.throttle.stood
        try:
            self.performer.perform(change.act)
        except TranshumeError as error:
            self.journal.write("change-failed", change=begun.id, error=error.what)
            raise
        took, held = time.monotonic() - began, self.performer.throttle.stood - stood
        self.journal.write("change-done", change=begun.id, seconds=took, held=held)

    def _looked(self, step: Step) -> list[Finding | Proof]:
        with understood(f"the proof of {step.title!r}"):
            return list(step.verify(self.pair))

    def _prove(self, step: Step, seen: list[Finding | Proof]) -> None:
        for proof in seen:
            if isinstance(proof, Proof):
                self.journal.write("proved", step=step.key, **asdict(proof))
        stop = stopping(seen)
        if stop:
            raise StepFailed(
                f"{step.title}: the effect didn't come about ({'; '.join(stop[:5])})",
                remedy="; ".join(remedies(seen)),
            )


def _refuse_half_a_return(state: State) -> None:
    if state.opened and state.returning:
        raise StepFailed(
            "going back was begun and isn't at its end: going on would mix two servers that both "
            "took mail",
            remedy=f"transhume rollback{'' if state.carrying else ' --lose-new-mail'}",
        )


def roll_back(journal: Journal, performer: Performer, *, lose_new_mail: bool) -> None:
    """Take back every change that was begun, the last one first, from the journal alone.

    Each way back is safe to take twice, so a rollback that was itself stopped goes on where it
    was. NoReturn when a change without a way back was begun, unless its loss is agreed to.
    """
    began = time.monotonic()
    state = journal.state
    if state.opened and not lose_new_mail:
        raise NoReturn(
            "people have been served by the target since it was opened; going back to the source "
            "leaves behind what they received and changed there",
            state="Nothing was touched: the target goes on serving.",
            remedy="to go back all the same: transhume rollback --lose-new-mail",
        )
    if state.opened and state.shut_out and not state.down:
        journal.write("down")
    begun = latest(state)
    for event in begun:
        if event.data["step"] not in state.carrying:
            _end_outage(journal, event.id)
            take_back(event, journal, performer)
    # Last: until then a way back that is given up needs them.
    for event in begun:
        if event.data["step"] in state.carrying:
            journal.write("undone", change=event.id, kept="it was the beginning of the way back")
    _end_outage(journal, 0)
    journal.write("rolled-back", seconds=time.monotonic() - began)


def _end_outage(journal: Journal, next_back: int) -> None:
    """The source serves again once all is taken back that was begun since it was stopped."""
    if next_back < (journal.state.shut_out or 0):
        journal.write("up")


def latest(state: State) -> list[Event]:
    """The changes that may have had an effect, the last one first."""
    return list(reversed(state.begun.values()))


def take_back(event: Event, journal: Journal, performer: Performer) -> None:
    """Take one change back, as was written beside it."""
    back = decode_back(event.data, journal.bodies)
    journal.write("undo-begun", change=event.id, title=event.data["title"])
    if isinstance(back, (Keep, Never, Carry)):
        journal.write("undone", change=event.id, kept=back.reason)
        return
    performer.perform(back)
    journal.write("undone", change=event.id, kept="")
