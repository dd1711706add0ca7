"""What is typed after each fault, and what the campaign thinks of the answers."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab.faults import campaign
from lab.faults.campaign import PASSED, UNMET, begun
from lab.faults.catalogue import FAULTS
from lab.faults.cells import Cell, Way
from lab.faults.stage import Broken, Passed, Unmet
from lab.faults.stock import Phase
from lab.scene import Scene

TOLD = "transhume: the line was lost\n  Nothing is lost.\n  Next: transhume sync\n"
DOWN = (
    "transhume: the source's PostgreSQL doesn't answer\n"
    "  Next: on the source: systemctl status 'postgresql*' says why; when it is down:\n"
    "  systemctl restart postgresql\n"
)


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


class Pair:
    def __init__(self) -> None:
        self.machines = (Box("source"), Box("target"))
        self.source, self.target = self.machines


def cell(phase: Phase, way: Way = "on") -> Cell:
    return Cell(FAULTS[1], phase, "step: change", "begun", way)


def walked(
    monkeypatch: pytest.MonkeyPatch, ends: list[int | Exception], *company: Cell
) -> tuple[list[str], list[tuple[str, ...]]]:
    """The outcome of each cell, and what was typed on the target after the faults."""
    pair = Pair()

    def play(*_: object) -> subprocess.CompletedProcess[str]:
        end = ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return subprocess.CompletedProcess((), end, "", TOLD if end else "")

    monkeypatch.setattr(campaign, "play", play)
    entries = [begun(each) for each in company]
    campaign._walk(Scene(pair, {}), company, entries)  # type: ignore[arg-type]
    return [entry.outcome for entry in entries], [words[1:] for words in pair.target.typed]


SYNC, CUTOVER = ("sync",), ("cutover", "--yes")


@pytest.mark.parametrize(
    ("company", "ends", "outcomes", "typed"),
    [
        ([cell("frozen")], [12], ["finished when run again"], [CUTOVER]),
        ([cell("frozen")], [0], ["went on"], [CUTOVER]),
        ([cell("sync")], [0], ["went on"], [SYNC, CUTOVER]),
        ([cell("frozen", "back")], [12], ["rolled back"], [("rollback",)]),
        ([cell("frozen", "back")], [0], ["went on"], [CUTOVER]),
        ([cell("sync", "back")], [0], ["rolled back"], [("rollback",)]),
        ([cell("sync")], [5], ["finished when run again"], [SYNC, CUTOVER]),
        ([cell("check", "back")], [5], ["nothing had begun"], [("check",)]),
        ([cell("sync"), cell("sync")], [5, 5], ["finished when run again"] * 2, [SYNC, CUTOVER]),
        (
            [cell("frozen"), cell("frozen")],
            [5, 0],
            ["finished when run again", "went on"],
            [CUTOVER],
        ),
        ([cell("frozen"), cell("frozen")], [0], ["went on", PASSED], [CUTOVER]),
        ([cell("frozen")], [Unmet("none")], [UNMET], []),
        ([cell("frozen"), cell("frozen")], [Passed("no"), 0], [UNMET, PASSED], []),
    ],
)
def test_what_is_typed_after_a_fault(
    monkeypatch: pytest.MonkeyPatch,
    company: list[Cell],
    ends: list[int | Exception],
    outcomes: list[str],
    typed: list[tuple[str, ...]],
) -> None:
    assert walked(monkeypatch, list(ends), *company) == (outcomes, typed)


def again(answers: list[tuple[int, str]]) -> Pair:
    pair = Pair()
    pair.target.answers = answers
    campaign.again(Scene(pair, {}), begun(cell("frozen")), "cutover", "--yes")  # type: ignore[arg-type]
    return pair


def test_it_is_typed_until_it_ends_well() -> None:
    assert len(again([(12, TOLD), (0, "")]).target.typed) == 2


def test_what_never_ends_well_is_a_broken_promise() -> None:
    with pytest.raises(Broken, match="doesn't end well: transhume: the line was lost"):
        again([(12, TOLD)] * 3)


@pytest.mark.parametrize(
    "said",
    ["transhume: it is so\n", f"Traceback (most recent call last)\n{TOLD}", ""],
)
def test_a_message_without_a_way_on_is_a_broken_promise(said: str) -> None:
    with pytest.raises(Broken, match="it ended with 12"):
        again([(12, said), (0, "")])


def test_what_the_message_says_is_done_where_it_says() -> None:
    pair = again([(5, DOWN), (0, "")])
    assert pair.source.typed == [("sh", "-c", "pg_isready -q || systemctl restart postgresql")]
