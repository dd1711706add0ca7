"""The last pass before the freeze, and when nothing may be frozen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.fakes import pair
from transhume.core.change import Change, Keep, Run
from transhume.core.finding import Finding, stopping
from transhume.core.host import Pair
from transhume.core.lag import Lag
from transhume.core.step import Step
from transhume.steps.catch_up import CatchUp


@dataclass(frozen=True)
class _Hot(Step):
    """A hot step that is so far behind."""

    lags: tuple[Lag, ...]
    key = "hot"
    title = "copy"
    why = "It has to be copied."
    phase = "sync"

    def run(self, pair: Pair) -> Iterator[Change]:
        yield Change("copy", Run("target", ("true",)), Keep("no harm"))

    def lag(self, pair: Pair) -> Iterator[Lag]:
        yield from self.lags


def _stopped(*lags: Lag) -> list[str]:
    return stopping(CatchUp((_Hot(lags),), 5.0).verify(pair()))


def test_the_hot_steps_are_made_once_more() -> None:
    step = CatchUp((_Hot(()), _Hot(())), 5.0)
    assert [change.title for change in step.run(pair())] == ["copy", "copy"]


@pytest.mark.parametrize(
    "lags",
    [
        (),
        (Lag("/x", 12, "changes", 0.3, following=True), Lag("bj", 0.2, "seconds", 0.2)),
        (Lag("/x", 0, "bytes", 0.0),),
    ],
)
def test_what_is_caught_up_may_be_frozen(lags: tuple[Lag, ...]) -> None:
    assert _stopped(*lags) == []


def test_what_is_too_far_behind_stops_nothing() -> None:
    (told,) = _stopped(Lag("/x", 12_000_000, "bytes", 3.1), Lag("/y", 900, "bytes", 2.9))
    assert "people would wait 6 s" in told
    assert "/x is 12,000,000 bytes behind" in told


def test_what_is_made_twice_is_behind_once() -> None:
    hot = _Hot((Lag("/x", 900, "changes", 3.0),))
    step = CatchUp((hot, _Hot(()), hot), 5.0)
    assert len(list(step.run(pair()))) == 3
    assert stopping(step.verify(pair())) == []


@pytest.mark.parametrize("behind", [0, 7])
def test_a_rest_of_unknown_length_stops_nothing(behind: int) -> None:
    """A database that doesn't follow any more isn't behind, and isn't caught up either."""
    (told,) = _stopped(Lag("bj", behind, "bytes"))
    assert "nobody knows how long the rest of bj takes" in told


@dataclass(frozen=True)
class _Broken(_Hot):
    """A hot step whose effect doesn't hold."""

    def verify(self, pair: Pair) -> Iterator[Finding]:
        yield Finding("not-following", "blocks", "both", "bj doesn't follow any more")


def test_what_doesnt_hold_any_more_stops_nothing() -> None:
    (told,) = stopping(CatchUp((_Broken(()),), 5.0).verify(pair()))
    assert "bj doesn't follow any more" in told
