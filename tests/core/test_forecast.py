"""The forecast: which steps count, which of them at the same time, and what the journal tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

import pytest

from transhume.core.event import Event
from transhume.core.forecast import forecast, settled
from transhume.core.lag import Lag
from transhume.core.measured import Expected, Measured, measured
from transhume.core.plan import Beside, Plan
from transhume.core.step import Phase, Step


@dataclass(frozen=True)
class _Takes(Step):
    """A step that is thought to take so long."""

    key: str  # type: ignore[misc]
    seconds: float
    service: str = ""  # type: ignore[misc,assignment]
    phase: Phase = "cutover"  # type: ignore[misc]
    title = "do it"
    why = "It has to be done."

    def expects(self, known: Measured) -> Expected:
        return Expected(self.seconds, self.seconds / 2, self.seconds * 3, "a guess")


@dataclass(frozen=True)
class _Usual(Step):
    key = "usual"
    title = "do it"
    why = "It has to be done."
    phase = "cutover"
    usual = (1.0, 3.0)


def _plan() -> Plan:
    return Plan(
        (
            _Takes("before", 100),
            _Takes("freeze", 1, "down"),
            Beside(((_Takes("a", 4),), (_Takes("b", 2), _Takes("c", 3)), ())),
            _Takes("open", 0.5, "up"),
            _Takes("later", 100),
        )
    )


def test_what_goes_on_at_the_same_time_counts_once() -> None:
    told = forecast(_plan(), Measured())
    assert (told.seconds, told.low, told.high) == (6.5, 3.25, 19.5)
    assert [part.step for part in told.parts] == ["freeze", "a", "b", "c", "open"]


def test_a_step_expects_what_it_took_the_last_time_or_what_is_usual() -> None:
    assert _Usual().expects(Measured()).seconds == 2.0
    told = _Usual().expects(Measured(steps={"usual": 8.0}))
    assert (told.seconds, told.low, told.high) == (8.0, 5.6, 16.0)


def _events() -> Iterator[Event]:
    act = {"kind": "SyncTree", "path": "/x", "expected": 5_000}
    yield Event(1, 0, "machines", {"seconds": 12.5})
    yield Event(2, 0, "change-begun", {"step": "sync", "title": "copy /x", "act": act})
    yield Event(3, 0, "change-done", {"change": 2, "seconds": 2.0})
    yield Event(4, 0, "change-begun", {"step": "sync", "title": "copy /y", "act": {}})
    yield Event(8, 0, "change-begun", {"step": "rehearse", "title": "dump bj", "act": {}})
    yield Event(9, 0, "change-done", {"change": 8, "seconds": 90.0, "held": 80.0})
    yield Event(5, 0, "step-done", {"step": "sync", "seconds": 3.0})
    rest = {"part": "/x", "lacking": 500, "total": 9, "unit": "bytes", "seconds": None}
    yield Event(6, 0, "lacks", rest)
    rest = {"part": "bj", "lacking": 0.2, "unit": "seconds", "seconds": 0.4, "following": True}
    yield Event(7, 0, "lacks", rest)


def test_what_the_journal_tells_is_read() -> None:
    known = measured(_events())
    assert known.steps == {"sync": 3.0}
    assert known.changes == {("sync", "copy /x"): 2.0, ("rehearse", "dump bj"): 10.0}
    assert known.start == 12.5
    assert known.lags["bj"] == Lag("bj", 0.2, "seconds", 0.4, following=True)
    assert known.rest(["/x"]) == 500 / 2_500
    assert known.rest(["/x", "bj", "unknown"]) == 500 / 2_500 + 0.4
    assert known.caught_up.rest(["/x", "bj"]) == 0.0


@pytest.mark.parametrize(
    ("rests", "expected"),
    [
        ([], False),
        ([0.9], True),
        ([90.0], False),
        ([90.0, 60.0, 30.0, 20.0, 12.0], False),
        ([90.0, 20.0, 19.0, 21.0, 19.5], True),
        ([90.0, 20.0, 19.0, 21.0], False),
        ([20.0, 19.0, 21.0, 0.5], True),
        ([inf, inf, inf], False),
        ([inf, inf, inf, inf], True),
        ([inf, inf, inf, 20.0], False),
    ],
)
def test_another_pass_is_of_use_while_it_shrinks_the_rest(
    rests: list[float], expected: bool
) -> None:
    assert settled(rests, 1.0) is expected
