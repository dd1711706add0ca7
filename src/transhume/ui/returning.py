"""The way back after the opening: whether all would come along, and what it costs to keep."""

from __future__ import annotations

from transhume.core.understood import understood
from transhume.engine.walk import Engine
from transhume.errors import TranshumeError
from transhume.ui.converge import noted
from transhume.ui.session import Session
from transhume.ui.shape import Status
from transhume.ui.words import duration, line, moment, size


def look(run: Session, engine: Engine) -> str:
    """Note whether what people do can be carried back, how far the source is behind, and the cost.

    It is told later without a look at the machines, so it has to be told of when it was. Why it
    can't be carried back is returned; empty when it can.
    """
    try:
        with understood("whether the way back holds"):
            lost, kept = run.way.lost(run.pair), run.way.cost(run.pair)
    except TranshumeError as error:
        lost, kept = f"it couldn't be looked at: {error.what}", 0
    engine.journal.write("return", lost=lost, kept=kept)
    for step in run.back.steps:
        for lag in step.lag(run.pair):
            engine.journal.write("lacks", **noted(lag))
    return lost


def told(status: Status) -> str:
    """The way back of a target that is open, in a line; see `look`."""
    seen = status.returns
    if seen is None:
        return (
            "transhume rollback takes along what people did, until transhume finish; "
            "transhume verify looks whether all of it can be had"
        )
    when = f"as of {moment(seen.at)}"
    if seen.lost:
        return f"transhume rollback would lose what people did, {when}: {line(seen.lost)}"
    since = duration(max(0.0, status.as_of - (status.opened_at or seen.at)))
    return (
        f"transhume rollback takes along all new mail, {when}, until transhume finish; kept for "
        f"{since}, for {size(seen.kept)} of the target's disk"
    )
