"""Which cells the fault campaign has, which it draws, and what it thinks of them."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from lab.faults.__main__ import chosen, earlier, keep
from lab.faults.campaign import Entry
from lab.faults.catalogue import FAULTS, KILL
from lab.faults.cells import COMPANY, WORDS, Cell, cells, companies
from lab.faults.stock import PHASES, Phase, by_phase
from lab.faults.table import summary
from lab.kill_at import MOMENTS, alike

CHANGES: dict[Phase, list[str]] = {
    "check": [],
    "sync": ["sync-trees: copy /var/spool/bm-docs", "follow: copy bj, bj-data and follow"],
    "before the freeze": ["sync-trees: scan /var/spool/cyrus: ended (3 paths)"],
    "frozen": ["finish-trees: copy the rest", "take-address: take 192.0.2.10/24 on host0"],
    "after the opening": ["open: open the door"],
}
RIGHT = Entry(
    "I pull the cable", "frozen", "finished when run again", 0, 0, source_intact=True, key=("a",)
)


def test_changes_are_sorted_by_the_phase_in_which_they_were_begun() -> None:
    events = [
        ("walk-begun", "sync", False),
        ("change-begun", "sync-trees: copy", False),
        ("change-begun", "sync-trees: copy", False),
        ("walk-begun", "cutover", False),
        ("change-begun", "catch-up: copy", False),
        ("down", "", False),
        ("change-begun", "freeze: stop mail", False),
        ("change-begun", "open: open the door", True),
        ("change-begun", "tick: reconfigure", False),
    ]
    assert by_phase(iter(events)) == {
        "check": [],
        "sync": ["sync-trees: copy"],
        "before the freeze": ["catch-up: copy"],
        "frozen": ["freeze: stop mail"],
        "after the opening": ["open: open the door", "tick: reconfigure"],
    }


def test_every_fault_is_tried_in_each_of_its_phases_and_a_kill_at_every_moment() -> None:
    tried = cells(CHANGES, 7)
    assert {cell.fault.name for cell in tried} == {fault.name for fault in FAULTS}
    killed = {(cell.change, cell.moment) for cell in tried if cell.fault.name == KILL}
    assert killed == {
        (change, moment) for changes in CHANGES.values() for change in changes for moment in MOMENTS
    }
    assert len({cell.key for cell in tried}) == len(tried)
    assert {phase for cell in tried for phase in [cell.phase]} == set(PHASES)


def test_each_fault_comes_once_before_any_comes_again() -> None:
    tried = cells(CHANGES, 7)[: len(FAULTS)]
    assert {cell.fault.name for cell in tried} == {fault.name for fault in FAULTS}


def test_after_the_opening_nothing_goes_back() -> None:
    late = [cell for cell in cells(CHANGES, 7) if cell.phase == "after the opening"]
    assert {cell.way for cell in late} == {"on"}


def test_the_same_seed_draws_the_same_cells() -> None:
    given = argparse.Namespace(only="", sample=5, seed=3)
    drawn = [chosen(given, cells(CHANGES, 3), []) for _ in range(2)]
    assert [cell.key for cell in drawn[0]] == [cell.key for cell in drawn[1]]
    assert len(drawn[0]) == 5


def test_cells_that_go_on_share_a_move_in_the_order_of_the_plan() -> None:
    tried = cells(CHANGES, 7)
    known = {next(cell.key for cell in tried if cell.way == "on" and cell.phase == "frozen")}
    found = companies(tried, CHANGES, known)
    assert sorted(cell.key for company in found for cell in company) == sorted(
        cell.key for cell in tried
    )
    joined = [company for company in found if len(company) > 1]
    assert 1 < max(map(len, joined)) <= COMPANY
    assert {cell.way for company in joined for cell in company} == {"on"}
    assert not known & {cell.key for company in joined for cell in company}
    for company in joined:
        phases = [PHASES.index(cell.phase) for cell in company]
        assert phases == sorted(phases)
        assert len({WORDS[cell.phase] for cell in company}) == 1
        assert len({cell.change for cell in company}) == len(company)


def test_what_was_right_is_not_tried_again(tmp_path: Path) -> None:
    first, second = cells(CHANGES, 7)[:2]
    done = [entry(first, outcome="went on"), entry(second, outcome="not as promised: it hangs")]
    keep(done, tmp_path / "faults.json")
    known = earlier(tmp_path / "faults.json")
    left = chosen(argparse.Namespace(only="", sample=0, seed=7), cells(CHANGES, 7), known)
    assert first.key not in {cell.key for cell in left}
    assert left[-1].key == second.key, "what wasn't right comes last"


def entry(cell: Cell, outcome: str) -> Entry:
    made = Entry(cell.fault.name, cell.phase, outcome, 0, 0, source_intact=True)
    made.key = cell.key
    return made


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages_missing": 1},
        {"messages_doubled": 1},
        {"source_intact": False},
        {"differences": ["rows bj t: 2 became 1"]},
        {"outcome": "not as promised: it hangs"},
        {"outcome": "not met"},
    ],
)
def test_one_promise_that_did_not_hold_is_enough(wrong: dict[str, object]) -> None:
    assert RIGHT.right
    assert not Entry(**{**vars(RIGHT), **wrong}).right


def test_the_summary_counts_what_was_met_and_names_what_was_wrong() -> None:
    lost = Entry(**{**vars(RIGHT), "messages_missing": 2, "differences": ["message x: missing"]})
    unmet = Entry(**{**vars(RIGHT), "outcome": "not met"})
    named, not_met, sums = summary([RIGHT, lost, unmet])
    assert "message x: missing" in named
    assert "not met" in not_met
    assert sums.startswith("cells 2, right 1, messages 0, missing 2, doubled 0")


def test_a_change_is_the_same_whatever_its_numbers_are() -> None:
    assert alike("copy /a (3 paths)") == alike("copy /a (17 paths)") != alike("copy /b (3 paths)")
