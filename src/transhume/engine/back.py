"""Going back after the opening: first what people did is carried, then the journal is walked."""

from __future__ import annotations

from transhume.engine.journal import Journal
from transhume.engine.perform import Performer
from transhume.engine.state import State
from transhume.engine.walk import Engine, latest, roll_back, take_back
from transhume.errors import NoReturn


def carries(state: State, *, lose_new_mail: bool = False) -> bool:
    """Whether a way back begins with what people did on the target."""
    return state.opened and not (state.final or state.returning or lose_new_mail)


def go_back(engine: Engine, *, lose_new_mail: bool) -> bool:
    """Go back, by the engine's plan as far as there is something to carry; whether there was.

    Killed at any moment it goes on where it was. NoReturn when what people did can't be carried,
    or when it can't be left behind any more.
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
