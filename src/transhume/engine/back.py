"""Going back after the opening: first what people did is carried, then the journal is walked."""

from __future__ import annotations

from collections.abc import Collection

from transhume.core.change import Act, Carry, Keep, Never
from transhume.engine.codec import Bodies, decode_back
from transhume.engine.journal import Journal
from transhume.engine.perform import Performer
from transhume.engine.state import State
from transhume.engine.walk import Engine, latest, roll_back, take_back
from transhume.errors import NoReturn


def carries(state: State, *, lose_new_mail: bool = False) -> bool:
    """Whether a way back begins with what people did on the target."""
    return state.opened and not (state.final or state.returning or lose_new_mail)


def ways_back(state: State, bodies: Bodies, steps: Collection[str]) -> tuple[Act, ...]:
    """What takes back the changes of the steps with these keys, the last one first."""
    backs = [
        decode_back(event.data, bodies) for event in latest(state) if event.data["step"] in steps
    ]
    return tuple(back for back in backs if not isinstance(back, (Keep, Never, Carry)))


def go_back(engine: Engine, *, lose_new_mail: bool, serves_on: bool) -> bool:
    """Go back, by the engine's plan as far as there is something to carry; whether there was.

    Killed at any moment it goes on where it was, but for a target that `serves_on`, having given
    the way back up by itself: what was carried is older than what people did since. NoReturn when
    what people did can't be carried, or when it can't be left behind any more.
    """
    journal, state = engine.journal, engine.journal.state
    if lose_new_mail and state.carried and not state.returning:
        raise NoReturn(
            "the source has been given a part of what people did on the target: without the rest "
            "it would be neither of the two",
            state="Nothing was touched.",
            remedy="transhume rollback takes the rest along; transhume cutover --yes stays",
        )
    if carries(state, lose_new_mail=lose_new_mail):
        if serves_on and state.down:
            # So the hot steps are made anew, and with them goes every claim of a later one.
            journal.write("up")
        engine.forward("back")
    carried = bool(state.carrying)
    roll_back(journal, engine.performer, lose_new_mail=lose_new_mail or carried)
    return carried


def stay(journal: Journal, performer: Performer) -> None:
    """Give up a way back that was begun, so that the target serves on; nothing without one."""
    state = journal.state
    if state.returning or not state.carrying:
        return
    for event in latest(state):
        if event.data["step"] in state.carrying:
            take_back(event, journal, performer)
    journal.write("stayed")
    if state.down:
        journal.write("up")
