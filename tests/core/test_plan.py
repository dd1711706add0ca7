"""The plan's order, and what findings and proofs forbid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import pair
from transhume.core.change import Change, Keep, Never, Pause
from transhume.core.check import Check
from transhume.core.finding import Finding, Proof, Severity, accept, stopping
from transhume.core.host import Pair
from transhume.core.plan import Beside, Plan, foresee
from transhume.core.step import Phase, Step
from transhume.errors import StepFailed


@dataclass(frozen=True)
class Simple(Step):
    """A step with one change."""

    key: str  # type: ignore[misc]
    phase: Phase  # type: ignore[misc]
    final: bool = False
    rows: tuple[int, ...] = (1,)  # type: ignore[misc]
    title = "do it"
    why = "It has to be done."

    def run(self, pair: Pair) -> Iterator[Change]:
        yield Change("x", Pause("x"), Never("y") if self.final else Keep("y"))


def test_steps_stand_in_the_order_of_the_phases() -> None:
    with pytest.raises(ValueError, match="in the order of the phases"):
        Plan((Simple("a", "cutover"), Simple("b", "sync")))


def test_each_key_stands_once() -> None:
    with pytest.raises(ValueError, match="each key once"):
        Plan((Simple("a", "sync"), Simple("a", "sync")))


def test_the_phases_that_are_asked_for_in_their_order() -> None:
    plan = Plan((Simple("a", "prepare"), Simple("b", "sync"), Simple("c", "after", rows=(2, 3))))
    assert [step.key for step in plan.within("after", "prepare")] == ["a", "c"]
    assert plan.rows() == {1, 2, 3}
    assert [item.step.key for item in foresee(plan, pair())] == ["a", "b", "c"]
    assert [item.step.key for item in foresee(plan, pair(), "sync")] == ["b"]


def test_what_is_walked_at_the_same_time_stays_so_for_the_phases_that_are_asked_for() -> None:
    a, b, c = Simple("a", "cutover"), Simple("b", "after"), Simple("c", "after")
    plan = Plan((Beside(((a, b), (), (c,))), Simple("d", "after")))
    assert [step.key for step in plan.steps] == ["a", "b", "c", "d"]
    assert list(plan.staged("cutover")) == [Beside(((a,),))]
    assert list(plan.staged("after")) == [Beside(((b,), (c,))), Simple("d", "after")]


def test_the_point_of_no_return_is_seen_in_the_changes() -> None:
    plan = Plan((Simple("a", "prepare"), Simple("b", "after", final=True)))
    assert [item.final for item in foresee(plan, pair())] == [False, True]


def _found(key: str, severity: Severity) -> Finding:
    return Finding(key, severity, "target", f"seen {key}")


def test_only_warnings_can_be_accepted() -> None:
    levels: list[Severity] = ["blocks", "unknown", "warns", "notes"]
    found = [_found("x", level) for level in levels] + [_found("y", "warns")]
    after = [item.severity for item in accept(found, ["x", "z"])]
    assert after == ["blocks", "unknown", "notes", "notes", "warns"]


def test_what_blocks_or_is_unknown_stops() -> None:
    levels: list[Severity] = ["blocks", "unknown", "warns", "notes"]
    stop = stopping([_found(level, level) for level in levels])
    assert stop == ["target: seen blocks", "target: seen unknown"]


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_proof_is_whole_when_all_of_something_is_equal(compared: int, equal: int) -> None:
    proof = Proof("x", compared, equal, "entries")
    assert proof.whole == (compared > 0 and compared == equal)
    assert bool(stopping([proof])) != proof.whole


def test_a_proof_says_how_much_differs_and_names_some() -> None:
    assert str(Proof("x", 0, 0, "entries")) == "x: nothing to compare"
    proof = Proof("x", 9, 5, "entries", ("a", "b", "c", "d"))
    assert str(proof) == "x: 4 of 9 differ (a; b; c)"


@pytest.mark.parametrize("error", [StepFailed("why"), ValueError("why"), RuntimeError("why")])
def test_a_check_that_fails_itself_is_no_pass(error: Exception) -> None:
    def look(both: Pair) -> Iterator[Finding]:
        yield _found("x", "notes")
        raise error

    before, found = Check("k", "the thing", look).findings(pair())
    assert before == _found("x", "notes")
    assert (found.key, found.severity) == ("k", "unknown")
    assert "the thing couldn't be checked" in found.seen
