"""What is typed after each fault, and what the campaign thinks of the answers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.faults import campaign, judge, typist
from lab.faults.campaign import played
from lab.faults.catalogue import Fault
from lab.faults.cells import Cell, Way
from lab.faults.entry import AGAIN, BACK_AGAIN, BROKEN, UNMET, WENT_ON, Entry
from lab.faults.phases import Phase
from lab.faults.sittings import Sitting
from lab.faults.stage import Broken, Stage, Unmet
from lab.faults.typist import Typist

TOLD = "transhume: the line was lost\n  Nothing is lost.\n  Next: transhume sync\n"
DOWN = (
    "transhume: the source's PostgreSQL doesn't answer\n"
    "  Next: on the source: systemctl status 'postgresql*' says why; when it is down:\n"
    "  systemctl restart postgresql\n"
)
RETURNED = "transhume: the source has taken its place back\n  Next: transhume rollback, then sync\n"
SYNC, CUTOVER, BACK = ("sync",), ("cutover", "--yes"), ("rollback",)
# What is proved may be ended.
END = (("verify",), ("finish",))
LAST = "confirm: confirm the switch"


@dataclass
class Box:
    """A machine that notes what is typed on it and answers as it was told to."""

    role: str
    typed: list[tuple[str, ...]] = field(default_factory=list)
    answers: list[tuple[int, str]] = field(default_factory=list)

    def exec(self, argv: Any, check: bool = True) -> subprocess.CompletedProcess[str]:
        self.typed.append(tuple(argv))
        status, said = self.answers.pop(0) if self.answers else (0, "")
        return subprocess.CompletedProcess(argv, status, "", said)


@dataclass
class Held:
    """A command that comes by some changes and ends."""

    changes: list[str]
    status: int
    said: str = ""
    tool: Any = None

    def __post_init__(self) -> None:
        self.tool = SimpleNamespace(signal=lambda name: None)

    def come(self) -> str | None:
        return self.changes.pop(0) if self.changes else None

    def let_go(self) -> None:
        pass

    def ended(self) -> subprocess.CompletedProcess[str]:
        said = self.said or (TOLD if self.status > 0 else "")
        return subprocess.CompletedProcess((), self.status, "", said)


class World:
    """Two machines, and what becomes of each command that is disturbed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *held: Held) -> None:
        self.source, self.target = self.machines = (Box("source"), Box("target"))
        self.typed = self.target.typed
        self.wanted: list[list[str]] = []
        self.judged: list[str] = []
        self._held = list(held)
        self.run: Any = SimpleNamespace(
            pair=SimpleNamespace(machines=self.machines, source=self.source, target=self.target)
        )
        self.stock: Any = SimpleNamespace(last=LAST)
        monkeypatch.setattr(typist, "held", self.hold)
        monkeypatch.setattr(campaign, "_mail", self.mail)
        monkeypatch.setattr(judge, "back", self.judge_back)
        monkeypatch.setattr(judge, "moved", self.judge_moved)

    @contextmanager
    def hold(self, _: object, words: tuple[str, ...], wanted: list[tuple[str, str]]) -> Any:
        self.typed.append(("held", *words))
        self.wanted.append([change for _, change in wanted])
        yield self._held.pop(0)

    @contextmanager
    def mail(self, _: object) -> Iterator[Path]:
        yield Path("sent")

    def judge_back(self, _: object, __: object, entries: list[Entry], ___: Path) -> None:
        self.judged.append("back")
        for entry in entries:
            entry.outcome, entry.source_intact = BACK_AGAIN, True
        entries[-1].messages = 10 * len(self.judged)

    def judge_moved(self, _: object, __: object, entries: list[Entry], ___: Path) -> None:
        self.judged.append("moved")
        for entry in entries:
            entry.source_intact = True

    def play(self, *cells: Cell, until: float = float("inf")) -> list[str]:
        """The outcomes of those whose turn came."""
        self.entries = played(self.stock, self.run, Sitting(list(cells)), until)
        return [entry.outcome for entry in self.entries]

    def commands(self) -> list[tuple[str, ...]]:
        """What was typed on the target, in order."""
        return [words[1:] for words in self.typed]


def nothing(_: Stage) -> Iterator[None]:
    yield


def absent(_: Stage) -> Iterator[None]:
    raise Unmet("there is none")
    yield


def breaking(_: Stage) -> Iterator[None]:
    yield
    raise Broken("two machines hold the address")


def cell(phase: Phase, change: str, way: Way = "on", scenario: Any = nothing) -> Cell:
    return Cell(Fault(f"a fault at {change}", scenario), phase, change, "begun", way)


A, B = cell("frozen", "a"), cell("frozen", "b")


def test_what_goes_on_is_typed_to_the_end_of_the_move(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, Held(["a"], 12))
    assert world.play(A) == [AGAIN]
    assert world.commands() == [CUTOVER, CUTOVER, *END]
    assert world.judged == ["moved"]


def test_several_are_struck_in_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, Held(["a", "b"], 0))
    assert world.play(A, B) == [WENT_ON, WENT_ON]
    assert world.commands() == [CUTOVER, *END]


def test_what_was_not_come_by_is_waited_for_when_it_is_typed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, Held(["a"], -9), Held(["b"], 0))
    assert world.play(A, B) == [AGAIN, WENT_ON]
    assert world.wanted == [["a", "b"], ["b"]]


def test_each_command_of_the_move_is_disturbed_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, Held(["s"], 5), Held(["v"], 130), Held(["f"], -9))
    cells = [cell("sync", "s"), cell("verify", "v"), cell("finish", "f")]
    assert world.play(*cells) == [AGAIN] * 3
    once = [SYNC, SYNC, CUTOVER, END[0], *END, END[1]]
    assert world.commands() == once


def test_what_is_never_come_by_was_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, Held(["b"], 0))
    assert world.play(A, B) == [UNMET, WENT_ON]


def test_where_nothing_is_to_be_broken_was_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, Held(["a"], 0))
    assert world.play(cell("frozen", "a", scenario=absent)) == [UNMET]
    assert world.judged == []


def test_once_time_is_up_the_move_ends_and_what_had_no_turn_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch)
    assert world.play(A, until=0.0) == []
    assert world.commands() == [CUTOVER, *END]


def test_a_broken_promise_is_told_of_what_was_struck_last(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, Held(["a", "b"], 0))
    broken = cell("frozen", "b", scenario=breaking)
    assert world.play(A, broken) == [f"{BROKEN}: two machines hold the address"]
    assert [entry.change for entry in world.entries] == ["b"]


def test_ways_back_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, Held(["a"], 12), Held(["s"], 0))
    back = [cell("frozen", "a", "back"), cell("sync", "s", "back")]
    assert world.play(*back) == [BACK_AGAIN, BACK_AGAIN]
    assert world.commands() == [CUTOVER, BACK, SYNC, BACK]
    assert world.judged == ["back", "back"]
    assert [entry.messages for entry in world.entries] == [10, 10], "the log is of both"


def test_what_the_tool_survives_is_stopped_before_the_opening(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, Held(["a", LAST], -9))
    assert world.play(cell("frozen", "a", "back")) == [BACK_AGAIN]
    assert world.wanted == [["a", LAST]]


def test_a_rollback_is_disturbed_after_as_much_as_can_be_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, Held([LAST], -9), Held(["r"], 130))
    assert world.play(cell("rollback", "r", "back")) == [BACK_AGAIN]
    assert world.wanted == [[LAST], ["r"]]
    assert world.commands() == [CUTOVER, BACK, BACK]


def test_one_way_back_is_struck_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, Held([LAST], -9), Held(["r"], -9), Held(["s"], 0))
    back = [cell("rollback", "r", "back"), cell("rollback", "s", "back")]
    assert world.play(*back) == [BACK_AGAIN, BACK_AGAIN]
    assert world.wanted == [[LAST], ["r", "s"], ["s"]]
    assert world.judged == ["back"]


def test_where_the_move_arrived_no_way_back_was_struck(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, Held([LAST], 0))
    (outcome,) = world.play(cell("rollback", "r", "back"))
    assert outcome.startswith(BROKEN)
    assert [entry.phase for entry in world.entries] == ["rollback"]


def test_what_arrived_all_the_same_ends_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, Held([LAST], 0))
    back = [cell("frozen", LAST, "back"), cell("frozen", "a", "back")]
    assert world.play(*back) == [WENT_ON]
    assert world.commands() == [CUTOVER, *END]
    assert world.judged == ["moved"]


def typed(monkeypatch: pytest.MonkeyPatch, *answers: tuple[int, str]) -> World:
    world = World(monkeypatch)
    world.target.answers = list(answers)
    Typist(world.run).type(CUTOVER, [])
    return world


def test_it_is_typed_until_it_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    assert typed(monkeypatch, (12, TOLD), (0, "")).commands() == [CUTOVER, CUTOVER]


def test_what_never_ends_well_is_a_broken_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Broken, match="doesn't end well: transhume: the line was lost"):
        typed(monkeypatch, *[(12, TOLD)] * 3)


@pytest.mark.parametrize(
    "said",
    ["transhume: it is so\n", f"Traceback (most recent call last)\n{TOLD}", ""],
)
def test_a_message_without_a_way_on_is_a_broken_promise(
    monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    with pytest.raises(Broken, match="it ended with 12"):
        typed(monkeypatch, (12, said), (0, ""))


def test_what_the_message_says_is_done_where_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    world = typed(monkeypatch, (5, DOWN), (0, ""))
    assert world.source.typed == [("sh", "-c", "pg_isready -q || systemctl restart postgresql")]


def test_a_move_that_has_to_begin_again_is_taken_back_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = typed(monkeypatch, (12, RETURNED), (0, ""), (0, ""))
    assert world.commands() == [CUTOVER, BACK, CUTOVER]
