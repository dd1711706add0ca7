"""What the campaign finds on the machines after a move, and after a way back."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.compare import Comparison
from lab.faults import judge
from lab.faults.catalogue import FAULTS, Fault
from lab.faults.cells import Cell
from lab.faults.entry import AGAIN, Entry, begun
from lab.standing import Standing

UNDISTURBED = {
    "etc": ["1  /etc/hosts", "2  /etc/transhume-moved"],
    "units": ["postfix.service masked"],
    "firewall": ["table inet transhume {"],
    "left behind": ["/etc/transhume-moved"],
}


class Look:
    """What the two machines look like to whoever judges."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.copied, self.kept = Comparison(), Comparison()
        self.copied.counts = self.kept.counts = {"accepted": 40, "doubled rightly": 2}
        self.held, self.served = ["target"], ["target"]
        self.driven = 0
        self.source: dict[str, list[str]] = dict(UNDISTURBED)
        source, target = SimpleNamespace(role="source"), SimpleNamespace(role="target")
        self.run: Any = SimpleNamespace(
            pair=SimpleNamespace(source=source, target=target, machines=(source, target)),
            filled={"addresses": ["someone"]},
        )
        known = Standing(UNDISTURBED)
        self.stock: Any = SimpleNamespace(side="side", before=known, after={"source": known})
        monkeypatch.setattr(judge, "compare", self.compare)
        monkeypatch.setattr(judge, "holders", lambda run: self.held)
        monkeypatch.setattr(judge, "serving", lambda run: self.served)
        monkeypatch.setattr(judge, "driven", lambda machine: self.driven)
        for name in ("looked", "standing"):
            monkeypatch.setattr(judge, name, lambda machine: Standing(self.source))

    def compare(self, reference: object, *_: object, **__: object) -> Comparison:
        return self.kept if reference == "side" else self.copied

    def moved(self, *struck: Fault) -> list[Entry]:
        cells = [Cell(fault, "frozen", "a", "begun", "on") for fault in struck or FAULTS[:2]]
        entries = [begun(cell) for cell in cells]
        for entry in entries:
            entry.outcome = AGAIN
        judge.moved(self.stock, self.run, entries, Path("sent"))
        return entries

    def back(self) -> Entry:
        entry = begun(Cell(FAULTS[1], "frozen", "a", "begun", "back"))
        self.held, self.served = ["source"], ["source", "target"]
        judge.back(self.stock, self.run, [entry], Path("sent"))
        return entry


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Look:
    return Look(monkeypatch)


def test_all_that_was_struck_in_one_move_shares_the_verdict(look: Look) -> None:
    look.copied.differences = ["message x: missing"]
    entries = look.moved()
    assert [entry.messages_missing for entry in entries] == [1, 1]
    counted = [(entry.messages, entry.messages_repeated) for entry in entries]
    assert counted == [(0, 0), (40, 2)], "they are the same messages"
    assert all(entry.source_intact and not entry.right for entry in entries)


def test_a_move_that_left_the_same_as_an_undisturbed_one_is_right(look: Look) -> None:
    look.source["etc"] = ["3  /etc/hosts", "2  /etc/transhume-moved"]
    assert all(entry.right for entry in look.moved())


@pytest.mark.parametrize("name", ["etc", "units", "left behind"])
def test_what_an_undisturbed_move_does_not_leave_is_told(look: Look, name: str) -> None:
    look.source[name] = [*look.source[name], "5  /run/transhume-left"]
    (difference,) = look.moved()[0].differences
    assert difference.startswith(f"unlike an undisturbed move: source {name}")


@pytest.mark.parametrize("name", ["firewall", "etc"])
def test_what_lasts_until_a_restart_isnt_missed_after_one(look: Look, name: str) -> None:
    (fault,) = (each for each in FAULTS if each.name == "the source loses its power")
    look.source[name] = [*look.source[name], "5  another"]
    assert look.moved(fault)[0].right is (name == "firewall")
    assert not look.moved()[0].right


def test_a_source_that_lost_something_in_a_move_is_not_intact(look: Look) -> None:
    look.kept.differences = ["rows bj t: 2 became 1"]
    assert not look.moved()[0].source_intact


def test_two_holders_of_the_address_are_told(look: Look) -> None:
    look.held = ["source", "target"]
    assert look.moved()[0].differences == ["the address is held by ['source', 'target']"]


@pytest.mark.parametrize("way", [Look.moved, Look.back])
def test_a_server_that_another_ones_core_has_driven_is_told(look: Look, way: Any) -> None:
    look.driven = 2
    told = way(look)
    entry = told[0] if isinstance(told, list) else told
    assert entry.differences == [f"the {role} was driven 2 times" for role in ("source", "target")]


def test_a_source_that_is_as_it_was_is_right(look: Look) -> None:
    assert look.back().right


def test_after_a_way_back_each_file_of_the_source_is_as_it_was(look: Look) -> None:
    look.source["etc"] = ["3  /etc/hosts", "2  /etc/transhume-moved"]
    entry = look.back()
    assert entry.differences
    assert not entry.source_intact


def test_a_message_that_is_lost_is_no_harm_to_what_the_source_held(look: Look) -> None:
    look.kept.differences = ["message x: missing", "message y: doubled"]
    entry = look.back()
    assert (entry.messages_missing, entry.messages_doubled) == (1, 1)
    assert entry.source_intact
    assert not entry.right
