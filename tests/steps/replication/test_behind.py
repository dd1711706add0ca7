"""How far behind a database is, and that one of which nobody knows is never taken for caught up."""

from __future__ import annotations

import pytest

from tests.steps.replication.servers import SLOT, following, note, pair, source
from transhume.core.change import Run, leaves
from transhume.core.finding import stopping
from transhume.core.host import Pair
from transhume.steps.catch_up import CatchUp
from transhume.steps.replication import behind
from transhume.steps.replication.behind import WaitForDatabases
from transhume.steps.replication.record import Record

STEP = WaitForDatabases(following())
REACHED = "select confirmed_flush_lsn >="


@pytest.fixture(autouse=True)
def _tries_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind, "_TRYING_SECONDS", 0.0)


def _one(told: float | None = None, *, reached: bool = False, active: bool = True) -> Pair:
    """bj follows: what the source says of it."""
    both = pair()
    note(both, "bj-data", Record("dump"))
    there = source(both).held
    there["to_jsonb(s)"] = [({**SLOT, "active": active}, "0/20", 16, told, True)]
    there[REACHED] = [(reached,)]
    return both


def test_what_is_reached_at_once_is_hardly_behind() -> None:
    (lag,) = STEP.lag(_one(900.0, reached=True))
    assert (lag.part, lag.behind, lag.unit, lag.following) == ("bj", 16, "bytes", True)
    assert lag.seconds is not None
    assert lag.seconds < 900.0


def test_one_that_isnt_reached_is_as_far_behind_as_it_says() -> None:
    (lag,) = STEP.lag(_one(900.0))
    assert lag.seconds == 900.0


def test_one_that_says_nothing_is_unknown() -> None:
    (lag,) = STEP.lag(_one())
    assert lag.seconds is None


def test_one_whose_slot_is_gone_is_unknown_though_nothing_is_behind() -> None:
    both = _one()
    source(both).held["to_jsonb(s)"] = [(None, "0/20", None, None, True)]
    (lag,) = STEP.lag(both)
    assert (lag.behind, lag.seconds, lag.following) == (0, None, False)


@pytest.mark.parametrize("told", [None, 900.0])
def test_a_burst_after_the_databases_had_caught_up_stops_before_the_freeze(
    told: float | None,
) -> None:
    assert stopping(CatchUp((STEP,), 5.0).verify(_one(told)))


def test_it_is_waited_for_once_more_while_people_work() -> None:
    (change,) = STEP.run(_one(0.2))
    (wait,) = leaves(change.act)
    assert isinstance(wait, Run)
    assert "transhume_" in wait.input.decode()
