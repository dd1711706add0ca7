"""Going back after the opening, with what people did there, killed at every moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.toy import ALL, PLAN, Move, Sets, begun, drop
from tests.fakes import Killed
from transhume.core.change import Change, Keep, Place, Run
from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.core.plan import Plan
from transhume.core.step import Step
from transhume.engine.back import go_back, stay, ways_back
from transhume.engine.journal import Journal
from transhume.engine.walk import Engine
from transhume.errors import NoReturn, StepFailed

_OPEN = Sets("open", "after", "target", ("opened",), service="up", carry=True)
_END = Sets("end", "finish", "target", ("ended",), final=True)
FORTH = Plan((*PLAN.stages[:-1], _OPEN, _END))


@dataclass(frozen=True)
class Carries(Step):
    """Brings a thing back to the source."""

    key: str  # type: ignore[misc]
    repeats: bool = False  # type: ignore[misc]
    title = "carry something"
    why = "Something came since."
    phase = "back"
    touches: frozenset[Place] = frozenset({"source", "target"})  # type: ignore[misc]

    def run(self, pair: Pair) -> Iterator[Change]:
        if pair.target.file("tree") != pair.source.file("tree"):
            yield Change("carry the tree", Run("target", ("carry", "tree")), Keep("it is newer"))

    def verify(self, pair: Pair) -> Iterator[Proof]:
        if not self.repeats:
            equal = pair.target.file("tree") == pair.source.file("tree")
            yield Proof("tree", 1, int(equal), "things", () if equal else ("tree",))


BACK = Plan(
    (
        Carries("warm", repeats=True),
        Sets("shut", "back", "target", ("shut",), service="down"),
        Sets("halt", "back", "target", ("halted",)),
        Carries("rest"),
    )
)


@dataclass
class Opened(Move):
    """A move whose target people have used."""

    plan: Plan = FORTH

    def go_back(self, *, lose: bool = False, serves_on: bool = False) -> bool:
        with self._journal() as journal:
            engine = Engine(BACK, self.world.pair(), self._performer(), journal)
            return go_back(engine, lose_new_mail=lose, serves_on=serves_on)

    def stay(self) -> None:
        with self._journal() as journal:
            stay(journal, self._performer())

    def killed(self, at: int) -> bool:
        """Whether going back still went on at this moment, and was ended there."""
        self.world.kill_at = self.world.moments + at
        try:
            self.go_back()
        except Killed:
            return True
        finally:
            self.world.kill_at = None
        return False

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events()]


def opened(folder: Path) -> Opened:
    move = Opened(folder, begun())
    move.forward(*ALL)
    move.world.held["target"]["tree"] = "what people received since"
    return move


_AS_IT_WAS = {**begun().held["source"], "tree": "what people received since"}


def test_it_takes_along_what_people_did(folder: Path) -> None:
    move = opened(folder)
    assert move.go_back()
    assert move.world.held["source"] == _AS_IT_WAS
    assert move.kinds()[-1] == "rolled-back"
    assert [kind for kind in move.kinds() if kind in ("up", "down")] == ["down", "up"] * 2


def test_killed_at_any_moment_it_goes_on(folder: Path) -> None:
    at = 1
    while (move := opened(folder / str(at))).killed(at):
        assert "rolled-back" in move.kinds() or move.go_back()
        assert move.world.held["source"] == _AS_IT_WAS
        at += 1
    assert at > 40


def test_what_comes_in_between_two_attempts_is_carried(folder: Path) -> None:
    """Somebody started the target's services again."""
    move = opened(folder)
    move.world.fail_on = "unset"
    with pytest.raises(StepFailed):
        move.go_back()
    move.world.fail_on = ""
    assert move.go_back()
    move = opened(folder / "other")
    move.world.fail_on = "halted"
    with pytest.raises(StepFailed):
        move.go_back()
    move.world.fail_on = ""
    move.world.held["target"]["tree"] = "still more"
    move.go_back()
    assert move.world.held["source"]["tree"] == "still more"


def test_given_up_at_any_moment_before_the_journals_way_the_target_serves_on(folder: Path) -> None:
    at = 1
    while True:
        move = opened(folder / str(at))
        before = dict(move.world.held["target"])
        assert move.killed(at)
        with Journal(move.folder) as journal:
            if journal.state.returning:
                break
        move.stay()
        assert move.world.held["target"] == before
        move.forward(*ALL)
        assert move.world.held["target"] == before
        assert move.kinds().count("up") == move.kinds().count("down")
        move.go_back()
        assert move.world.held["source"] == _AS_IT_WAS
        at += 1
    assert at > 15


def test_the_target_serves_on_by_itself_at_any_moment_and_the_way_back_begins_anew(
    folder: Path,
) -> None:
    """Its guard did what giving up would have done, and the journal doesn't know."""
    at = 1
    while True:
        move = opened(folder / str(at))
        before = dict(move.world.held["target"])
        assert move.killed(at)
        with Journal(move.folder) as journal:
            if journal.state.returning:
                break
        move.world.held["target"] = {**before, "tree": "and what they received after that"}
        began = len(move.kinds())
        assert move.go_back(serves_on=True)
        assert move.world.held["source"]["tree"] == "and what they received after that"
        after = [event.data["step"] for event in move.events()[began:] if event.kind == "step-done"]
        # Hot once more, while the target serves, and nothing proved before is believed.
        assert after == ["warm", "shut", "halt", "rest"]
        assert move.kinds().count("up") == move.kinds().count("down")
        at += 1
    assert at > 15


def test_the_ways_back_of_some_steps_are_read_from_the_journal(folder: Path) -> None:
    opened(folder)
    with Journal(folder) as journal:
        found = ways_back(journal.state, journal.bodies, {"freeze", "open"})
    assert found == (drop("source", "masked"), drop("source", "stopped"))


def test_without_what_people_did_the_source_is_as_it_was(folder: Path) -> None:
    move = opened(folder)
    assert not move.go_back(lose=True)
    assert move.world.held["source"] == begun().held["source"]


def test_half_carried_nothing_is_left_behind(folder: Path) -> None:
    move = opened(folder)
    move.world.fail_on = "shut"
    with pytest.raises(StepFailed):
        move.go_back()
    move.world.fail_on = ""
    with pytest.raises(NoReturn, match="a part of what people did"):
        move.go_back(lose=True)
    move.stay()
    with pytest.raises(NoReturn, match="a part of what people did"):
        move.go_back(lose=True)
    assert move.go_back()


def test_after_the_end_nothing_is_carried(folder: Path) -> None:
    move = opened(folder)
    move.forward("finish")
    with pytest.raises(NoReturn, match="people have been served"):
        move.go_back()


def test_forth_again_after_it(folder: Path) -> None:
    move = opened(folder)
    move.go_back()
    move.forward(*ALL)
    assert move.world.held["target"]["tree"] == "what people received since"
    assert move.world.held["target"]["opened"] == "1"
