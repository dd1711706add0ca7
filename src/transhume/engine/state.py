"""Where a move stands, folded from its events alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from transhume.core.event import Event


@dataclass
class State:
    """What resume and rollback need to know."""

    begun: dict[int, Event] = field(default_factory=dict)
    """Changes that may have had an effect and weren't taken back, by id, oldest first."""
    done: list[str] = field(default_factory=list)
    """Keys of the steps that claim to be done since the last way back, in that order."""
    opened_at: float | None = None
    """When the first change was begun after which people write on the target; None before that."""
    final: bool = False
    """Whether a change without a way back was begun."""
    down: bool = False
    """Whether people are shut out."""
    shut_out: int | None = None
    """The event from which on the source served nobody; None while it serves."""
    verified: bool = False
    """Whether the last comparison after that found all of it equal."""
    finished: bool = False
    returning: bool = False
    """Whether changes of the move are being taken back, and that isn't at its end."""
    carrying: set[str] = field(default_factory=set)
    """Steps that were begun of a way back which carries to the source what came since."""
    carried: bool = False
    """Whether the source isn't any more as it was when the target was opened."""
    route: str = ""
    """The address over which the source is reached; empty for the usual one."""

    @property
    def opened(self) -> bool:
        """Whether people may have written on the target."""
        return self.opened_at is not None


def fold(events: Iterable[Event]) -> State:
    """Read the events in order."""
    state = State()
    for event in events:
        apply(state, event)
    return state


def apply(state: State, event: Event) -> None:
    """Take in one event."""
    if event.kind in ("change-begun", "undo-begun", "undone", "rolled-back"):
        _change(state, event)
    elif event.kind == "step-begun":
        back = event.data.get("phase") == "back"
        # Letting people in again leaves what was proved after the first time as it was.
        if back or not state.opened:
            _made_again(state, event.data["step"])
        if back:
            state.carrying.add(event.data["step"])
    elif event.kind == "stayed":
        state.carrying.clear()
    elif event.kind == "step-done":
        state.done.append(event.data["step"])
    elif event.kind in ("down", "up"):
        _service(state, event)
    elif event.kind == "verified":
        state.verified = state.opened and bool(event.data["equal"])
    elif event.kind == "finished":
        state.finished = True


def _change(state: State, event: Event) -> None:
    if event.kind == "change-begun":
        state.begun[event.id] = event
        state.route = _route(event.data["act"], state.route)
        state.carried = state.carried or event.data["step"] in state.carrying
        back = event.data["back"]["kind"]
        state.final = state.final or back == "Never"
        if state.opened_at is None and back in ("Never", "Carry"):
            state.opened_at = event.at
    elif event.kind == "undo-begun":
        _taken_back(state, event.data["change"])
    elif event.kind == "undone":
        taken_back = state.begun.pop(event.data["change"], None)
        if taken_back is not None:
            state.route = _route(taken_back.data["back"], state.route)
    else:
        state.done.clear()
        state.begun.clear()
        state.carrying.clear()
        state.opened_at, state.final, state.returning, state.carried = None, False, False, False
        state.verified = False


def _service(state: State, event: Event) -> None:
    state.down = event.kind == "down"
    if state.down and state.shut_out is None:
        state.shut_out = event.id
    elif not state.down and (state.returning or not state.opened):
        state.shut_out = None


def _made_again(state: State, step: str) -> None:
    """A step that is made again, or taken back, takes the claims of all later ones with it."""
    if step in state.done:
        del state.done[state.done.index(step) :]


def _taken_back(state: State, change: int) -> None:
    step = state.begun[change].data["step"] if change in state.begun else ""
    _made_again(state, step)
    state.returning = state.returning or step not in state.carrying


def _route(act: dict[str, Any], before: str) -> str:
    if act["kind"] == "Reroute":
        return str(act["to"])
    for inner in act.get("acts", ()):
        before = _route(inner, before)
    return before
