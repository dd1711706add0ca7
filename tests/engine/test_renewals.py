"""What keeps a step's effect alive while the next ones are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.shell import wait_until
from tests.engine.toy import ALL, Move, Sets, begun, put
from tests.fakes import World
from transhume.core.change import Change, Keep, Run
from transhume.core.host import Pair
from transhume.core.plan import Plan
from transhume.core.step import Renewal, Step
from transhume.engine import renewals
from transhume.errors import StepFailed

SECONDS = 15.0


@dataclass(frozen=True)
class Lives(Step):
    """Its effect lasts only while it is renewed."""

    seconds: float = SECONDS
    key = "lives"
    title = "begin to renew"
    why = "Something must stay alive."
    phase = "cutover"
    touches = frozenset({"source", "target"})

    def run(self, pair: Pair) -> Iterator[Change]:
        yield Change("arm", put("source", "alive"), Keep("it ends by itself"))

    def renewal(self) -> Renewal:
        return Renewal((put("source", "renewed"),), self.seconds, "confirm")


@dataclass(frozen=True)
class Does(Step):
    """Does something in the middle of a change's reading, outside the machines."""

    key: str  # type: ignore[misc]
    does: Callable[[], None]
    title = "do something"
    why = "Something happens."
    phase = "cutover"

    def run(self, pair: Pair) -> Iterator[Change]:
        self.does()
        yield Change("look", Run("target", ("set", self.key, "1")), Keep("nothing"))


class Clock:
    """Time that passes when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(renewals, "_now", lambda: self.now)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def _moving(tmp_path: Path, *between: Step, seconds: float = SECONDS) -> Move:
    confirm = Sets("confirm", "after", "source", ("confirmed",))
    return Move(tmp_path, begun(), Plan((Lives(seconds), *between, confirm)))


def _renewed(world: World) -> int:
    return sum("renewed" in command for command in world.commands)


def test_no_change_is_begun_unless_the_last_one_is_fresh(tmp_path: Path, clock: Clock) -> None:
    move = _moving(
        tmp_path,
        Does("soon", lambda: clock.pass_by(1)),
        Does("later", lambda: clock.pass_by(SECONDS)),
        Does("slept", lambda: clock.pass_by(10 * SECONDS)),
    )
    move.forward(*ALL)
    assert [line.split()[2] for line in move.world.commands] == [
        "alive",
        "renewed",
        "soon",
        "later",
        "renewed",
        "slept",
        "confirmed",
    ]


def test_after_its_end_nothing_is_renewed(tmp_path: Path, clock: Clock) -> None:
    move = _moving(tmp_path)
    move.forward(*ALL)
    clock.pass_by(10 * SECONDS)
    move.forward(*ALL)
    assert _renewed(move.world) == 0


def test_what_cannot_be_renewed_stops_the_walk_before_the_next_change(
    tmp_path: Path, clock: Clock
) -> None:
    move = _moving(tmp_path, Does("next", lambda: None))
    move.world.fail_on = "renewed"
    with pytest.raises(StepFailed, match="couldn't be told") as caught:
        move.forward(*ALL)
    assert "next" not in move.world.held["target"]
    assert "go back by themselves" in caught.value.state


def test_it_is_renewed_beside_a_change_that_takes_long(tmp_path: Path) -> None:
    world = begun()

    def long() -> None:
        wait_until(lambda: _renewed(world) >= 3, "three renewals", 20)

    move = _moving(tmp_path, Does("long", long), seconds=0.02)
    move.world = world
    move.forward(*ALL)
    assert world.held["source"]["confirmed"] == "1"


def test_one_that_fails_once_is_made_again(tmp_path: Path) -> None:
    world = begun()

    def unlucky() -> None:
        world.fail_on = "renewed"
        before = world.moments
        wait_until(lambda: world.moments > before + 2, "renewals that fail", 20)
        world.fail_on = ""

    move = _moving(tmp_path, Does("unlucky", unlucky), seconds=0.02)
    move.world = world
    move.forward(*ALL)
    assert world.held["source"]["confirmed"] == "1"
