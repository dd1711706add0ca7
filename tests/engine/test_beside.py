"""Steps that are walked at the same time: none waits for another, and each is believed alone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.engine.toy import ALL, Copies, Move, Sets, begun
from tests.fakes import World
from transhume.core.at_once import at_once
from transhume.core.change import Command
from transhume.core.host import May, Output
from transhume.core.plan import Beside, Plan
from transhume.errors import StepFailed

_LIMIT = 10
_LANES = Beside(
    (
        (Copies("finish", "cutover", ("tree", "rows")),),
        (
            Sets("release", "cutover", "source", ("away",)),
            Sets("take", "cutover", "target", ("here",)),
        ),
    )
)
_PLAN = Plan(
    (
        Sets("freeze", "cutover", "source", ("stopped",), service="down"),
        _LANES,
        Sets("start", "cutover", "target", ("serving",)),
        Sets("open", "after", "target", ("opened",), service="up", final=True),
    )
)


@dataclass
class _Meeting(World):
    """Two commands that must both be under way before either goes on."""

    names: tuple[str, ...] = ()
    meet: threading.Barrier = field(default_factory=lambda: threading.Barrier(2, timeout=_LIMIT))

    def run(self, command: Command, heard: Callable[[str], None], may: May | None = None) -> Output:
        if command.argv[1] in self.names:
            self.meet.wait()
        return super().run(command, heard)


def _kept(move: Move, kind: str, since: int = 0) -> list[str]:
    return [event.data["step"] for event in move.events()[since:] if event.kind == kind]


def test_neither_waits_for_the_other(folder: Path) -> None:
    held = begun().held
    move = Move(folder, _Meeting(held, names=("tree", "away")), _PLAN)
    move.forward(*ALL)
    assert move.world.held["target"]["tree"] == "mail"
    made = _kept(move, "step-done")
    assert (made[0], made[-2:]) == ("freeze", ["start", "open"])
    assert made.index("release") < made.index("take")


def test_one_that_fails_lets_the_others_end_and_nothing_after_them_begins(folder: Path) -> None:
    move = Move(folder, begun(), _PLAN)
    move.world.fail_on = "copy rows"
    with pytest.raises(StepFailed, match="copy rows"):
        move.forward(*ALL)
    assert sorted(_kept(move, "step-done")) == ["freeze", "release", "take"]
    move.world.fail_on = ""
    already = len(move.events())
    move.forward(*ALL)
    assert _kept(move, "step-begun", already) == ["finish", "start", "open"]


def test_the_way_back_takes_all_of_them_back(folder: Path) -> None:
    move, before = Move(folder, begun(), _PLAN), begun().held
    move.world.fail_on = "set serving"
    with pytest.raises(StepFailed, match="serving"):
        move.forward(*ALL)
    move.world.fail_on = ""
    move.back()
    assert move.world.held == before


def test_after_one_that_doesnt_hold_what_follows_isnt_believed(folder: Path) -> None:
    move = Move(folder, begun(), _PLAN)
    move.forward("cutover")
    already = len(move.events())
    del move.world.held["target"]["here"]
    move.forward("cutover")
    made = _kept(move, "step-begun", already)
    assert "take" in made
    assert made[-1] == "start"
    assert "release" not in made


def test_ctrl_c_is_told_only_when_all_have_ended() -> None:
    """Whoever still worked would write to a journal whose walk has ended."""
    heard, told, over = threading.Event(), threading.Event(), threading.Event()
    main, early = threading.main_thread().ident or 0, list[bool]()

    def interrupt(number: int, frame: object) -> None:
        heard.set()
        raise KeyboardInterrupt

    def works() -> None:
        assert heard.wait(_LIMIT)
        early.append(told.wait(0.5))
        over.set()

    def strikes() -> None:
        # Once the main thread does nothing but wait.
        told.wait(0.3)
        signal.pthread_kill(main, signal.SIGINT)

    former = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            at_once([works, strikes])
        told.set()
    finally:
        signal.signal(signal.SIGINT, former)
    assert over.wait(_LIMIT)
    assert early == [False]
