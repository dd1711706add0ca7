"""Dying at every single moment: going on ends the same, going back restores the beginning."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.toy import ALL, Move, begun, moments
from tests.fakes import Killed, World
from transhume.errors import NoReturn

END = {
    "source": {"tree": "mail", "rows": "people", "alias": "1", "stopped": "1", "masked": "1"},
    "target": {
        "tree": "mail",
        "rows": "people",
        "closed": "1",
        "held": "1",
        "serving": "1",
        "masked": "1",
        "opened": "1",
    },
}


def _length(folder: Path) -> int:
    move = Move(folder, begun())
    return moments(lambda: move.forward(*ALL), move.world)


def _killed(folder: Path, at: int) -> Move:
    """A move that died at that moment."""
    move = Move(folder, begun())
    move.world.kill_at = at
    with pytest.raises(Killed):
        move.forward(*ALL)
    move.world.kill_at = None
    return move


def test_a_move_that_nobody_disturbs_ends_as_it_should(folder: Path) -> None:
    move = Move(folder, begun())
    move.forward(*ALL)
    assert move.world.held == END
    assert move.world.route == "alt"


def test_going_on_from_every_moment_ends_the_same(folder: Path) -> None:
    for at in range(1, _length(folder / "whole") + 1):
        move = _killed(folder / str(at), at)
        move.forward(*ALL)
        assert (at, move.world.held) == (at, END)
        assert move.world.route == "alt"


def test_going_back_from_every_moment_restores_the_beginning(folder: Path) -> None:
    passed = 0
    for at in range(1, _length(folder / "whole") + 1):
        move = _killed(folder / str(at), at)
        opening = any(event.data.get("title") == "set opened" for event in move.events())
        if opening:
            with pytest.raises(NoReturn):
                move.back()
            passed += 1
            continue
        move.back()
        assert (at, move.world.held) == (at, begun().held)
        assert move.world.route == ""
    assert passed > 0


def _whole_but_the_opening(folder: Path) -> Move:
    move = Move(folder, begun())
    move.forward("prepare", "sync", "cutover")
    return move


def test_a_rollback_that_dies_at_any_moment_goes_on(folder: Path) -> None:
    whole = _whole_but_the_opening(folder / "whole")
    for at in range(1, moments(whole.back, whole.world) + 1):
        move = _whole_but_the_opening(folder / str(at))
        move.world.kill_at = move.world.moments + at
        with pytest.raises(Killed):
            move.back()
        move.world.kill_at = None
        move.back()
        assert (at, move.world.held) == (at, begun().held)


def test_a_rollback_that_died_may_give_way_to_going_on(folder: Path) -> None:
    whole = _whole_but_the_opening(folder / "whole")
    for at in range(1, moments(whole.back, whole.world) + 1):
        move = _whole_but_the_opening(folder / str(at))
        move.world.kill_at = move.world.moments + at
        with pytest.raises(Killed):
            move.back()
        move.world.kill_at = None
        move.forward(*ALL)
        assert (at, move.world.held) == (at, END)


def test_a_second_attempt_after_going_back_ends_the_same(folder: Path) -> None:
    move = _whole_but_the_opening(folder)
    move.back()
    move.forward(*ALL)
    assert move.world.held == END


def test_a_command_that_fails_leaves_a_move_that_can_go_on(folder: Path) -> None:
    move = Move(folder, begun())
    move.world.fail_on = "set serving"
    with pytest.raises(Exception, match="a command on the target didn't succeed"):
        move.forward(*ALL)
    assert move.events()[-1].kind == "change-failed"
    move.world.fail_on = ""
    move.forward(*ALL)
    assert move.world.held == END


def test_every_entry_is_on_disk_before_its_act(folder: Path) -> None:
    """What the world has gone through is never more than what the journal announced."""
    for at in range(1, _length(folder / "whole") + 1):
        move = _killed(folder / str(at), at)
        announced = [
            line
            for event in move.events()
            if event.kind == "change-begun"
            for line in event.data["commands"]
        ]
        assert set(move.world.commands) <= set(announced)


def test_after_the_loss_is_agreed_to_everything_else_goes_back(folder: Path) -> None:
    move = Move(folder, begun())
    move.forward(*ALL)
    move.back(lose=True)
    left = World(begun().held).held
    left["target"]["opened"] = "1"
    assert move.world.held == left
