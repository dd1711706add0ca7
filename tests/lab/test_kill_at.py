"""Where the tool is struck: at which of its own acts, at which moment, and each change once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab import kill_at
from lab.kill_at import ASKED, DURING, Striker
from transhume.core.change import Run, Series
from transhume.engine.journal import Journal
from transhume.engine.perform import Performer
from transhume.hosts.process import Processes
from transhume.hosts.ssh import Ssh

TITLES = ("copy 3 paths", "confirm the switch")
PROGRAMS = ("commit", "confirm", "end")


class Tool:
    """What the tool does for two changes and a way back, with a Striker at its side."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hit, self.go = tmp_path / "hit", tmp_path / "go"
        monkeypatch.setattr(kill_at, "HIT", str(self.hit))
        monkeypatch.setattr(kill_at, "GO", str(self.go))
        monkeypatch.setattr(kill_at, "_hold", lambda number: self.done.append(f"held {number}"))
        monkeypatch.setattr(Performer, "perform", self._perform)
        monkeypatch.setattr(Processes, "_start", lambda own, argv: self.done.append(argv[0]))
        monkeypatch.setattr(Ssh, "ask", lambda own, *words: self.done.append("asked"))
        self.done: list[str] = []
        self._folder = tmp_path / "state"
        self._striker: Striker

    def _perform(self, _: object, act: Any) -> None:
        """Stands in for the performer, which comes by for each part of a series again."""
        inner = getattr(act, "acts", None)
        if inner is None:
            self._striker.start(None, act.argv)  # type: ignore[arg-type]
            return
        for each in inner:
            self._striker.perform(self, each)  # type: ignore[arg-type]

    def move(self, *wanted: list[str], passing: int = 0) -> list[str]:
        """What was done, and when it was held."""
        self._striker = striker = Striker("hold", passing, list(wanted))
        with Journal(self._folder) as journal:
            striker.ask(None)  # type: ignore[arg-type]
            for title in TITLES:
                event = striker.write(journal, "change-begun", step="step", title=title)
                self.done.append("on disk")
                striker.perform(self, _act())  # type: ignore[arg-type]
                striker.write(journal, "change-done", change=event.id)
                self.done.append("done")
            striker.write(journal, "undo-begun", change=event.id, title=title)
            striker.write(journal, "undone", change=event.id, kept="")
        return self.done


def _act() -> Series:
    return Series(tuple(Run("target", (name,)) for name in PROGRAMS))


CHANGE = ["on disk", *PROGRAMS, "done"]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    return Tool(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("moment", "place"), [("before", 0), ("begun", 0), (DURING, 3), ("acted", 4), ("done", 4)]
)
def test_it_is_held_at_the_moment_of_the_change_that_is_meant(
    tool: Tool, moment: str, place: int
) -> None:
    wanted = ["asked", *CHANGE, *CHANGE]
    wanted.insert(1 + len(CHANGE) + place, "held 1")
    assert tool.move([moment, "step: confirm the switch"]) == wanted
    assert tool.hit.read_text() == f"{moment} step: confirm the switch\n"


def test_it_is_held_at_several_changes_in_one_run(tool: Tool) -> None:
    held = tool.move(["begun", "step: copy 17 paths"], ["done", "step: confirm the switch"])
    assert held == ["asked", "held 1", *CHANGE, *CHANGE[:-1], "held 2", "done"]


def test_it_is_held_before_it_asks_anything(tool: Tool) -> None:
    assert tool.move([ASKED, ASKED])[:2] == ["held 1", "asked"]


@pytest.mark.parametrize("moment", ["begun", "done"])
def test_it_is_held_while_a_change_is_taken_back(tool: Tool, moment: str) -> None:
    assert tool.move([moment, "rollback: confirm the switch"])[-1] == "held 1"


def test_what_was_hit_already_is_not_hit_again(tool: Tool) -> None:
    tool.move(["begun", ""])
    tool.done.clear()
    assert not [each for each in tool.move(["begun", ""]) if each.startswith("held")]


def test_some_are_let_pass_for_each_that_is_hit(tool: Tool) -> None:
    held = [each for each in tool.move(["begun", ""], passing=1) if each.startswith("held")]
    assert held == ["held 2"]


def test_once_it_is_let_go_for_good_nothing_counts_as_hit(tool: Tool) -> None:
    tool.go.touch()
    assert "held 1" not in tool.move(["begun", ""])
    assert not tool.hit.exists()
