"""Which cells the fault campaign has, which it draws, and who shares a pair of machines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.faults.catalogue import BEFORE, FAULTS, KILL, KILLED
from lab.faults.cells import Cell, Field, cells, nowhere
from lab.faults.entry import AGAIN, BROKEN, UNMET, Entry, begun
from lab.faults.phases import BACK, COLD, PHASES, Phase, beside, by_phase
from lab.faults.progress import Choice, Progress
from lab.faults.result import Result
from lab.faults.sittings import CHAIN, KILLS, MOST, TOGETHER, sittings
from lab.journal import Noted
from lab.kill_at import ASKED, alike

CHANGES: dict[Phase, list[str]] = {
    "check": [],
    "sync": [
        "sync-trees: copy /var/spool/bm-docs",
        "follow: copy bj, bj-data and follow",
        "ask-source: record the answers",
    ],
    "before the freeze": ["sync-trees: scan /var/spool/cyrus: ended (3 paths)", "mark: mark it"],
    "frozen": ["finish-trees: copy the rest", "take-address: take 192.0.2.10/24 on host0"],
    "after the opening": ["open: open the door"],
    "verify": [],
    "finish": ["tidy: remove the dumps"],
    "rollback": ["rollback: take 192.0.2.10/24 on host0", "rollback: mark it"],
}
FIELD = Field(CHANGES, frozenset({"finish-trees: copy the rest"}), 7)
ALL = cells(FIELD, {})


def changed(name: str, back: str = "Run") -> Noted:
    return Noted("change-begun", name, back)


def test_changes_are_sorted_by_the_phase_in_which_they_were_begun() -> None:
    events = [
        Noted("walk-begun", "sync"),
        changed("sync-trees: copy", "Keep"),
        changed("sync-trees: copy", "Keep"),
        changed("follow: tie"),
        Noted("walk-begun", "cutover"),
        changed("catch-up: copy", "Keep"),
        Noted("down"),
        changed("freeze: stop mail"),
        changed("open: open the door", "Never"),
        changed("tick: reconfigure"),
        Noted("walk-begun", "finish"),
        changed("tidy: remove", "Never"),
    ]
    assert by_phase(events) == {
        "check": [],
        "sync": ["sync-trees: copy", "follow: tie"],
        "before the freeze": ["catch-up: copy"],
        "frozen": ["freeze: stop mail"],
        "after the opening": ["open: open the door", "tick: reconfigure"],
        "verify": [],
        "finish": ["tidy: remove"],
        "rollback": ["rollback: stop mail", "rollback: tie"],
    }


def test_changes_of_steps_that_are_open_at_the_same_time_are_beside_each_other() -> None:
    events = [
        Noted("step-begun", "freeze"),
        changed("freeze: stop"),
        Noted("step-done", "freeze"),
        Noted("step-begun", "trees"),
        changed("trees: copy"),
        Noted("step-begun", "queue"),
        changed("queue: copy"),
        Noted("step-done", "trees"),
        Noted("step-done", "queue"),
    ]
    assert beside(events) == {"trees: copy", "queue: copy"}


def test_every_fault_is_tried_in_each_of_its_phases() -> None:
    assert {(cell.fault.name, cell.phase) for cell in ALL} == {
        (fault.name, phase)
        for fault in FAULTS
        for phase in fault.phases
        if FIELD.fitting(fault, phase)
    }
    assert len({cell.key for cell in ALL}) == len(ALL)
    assert {cell.phase for cell in ALL} == set(PHASES)
    assert {cell.moment for cell in ALL if cell.phase in ("check", "verify")} == {ASKED}


def test_the_tool_is_killed_at_every_moment_of_every_change() -> None:
    killed = {(cell.change, cell.moment) for cell in ALL if cell.fault.name == KILL}
    for phase, names in CHANGES.items():
        moments = [each for each in KILLED if phase != BACK or each != "acted"]
        assert killed >= {(name, moment) for name in names for moment in moments}
    before = {name for name, moment in killed if moment == BEFORE}
    assert before == FIELD.beside, "elsewhere it is the end of the change before"


def test_power_is_lost_right_after_a_change_is_said_to_be_done_too() -> None:
    lost = {cell.moment for cell in ALL if cell.fault.name == "the target loses its power"}
    assert lost == {"begun", "done", ASKED}


def test_each_fault_comes_once_before_any_comes_again() -> None:
    assert {cell.fault.name for cell in ALL[: len(FAULTS)]} == {fault.name for fault in FAULTS}


def test_what_goes_back_does_so_before_the_opening() -> None:
    ways: Mapping[str, set[str]] = {
        phase: {cell.way for cell in ALL if cell.phase == phase} for phase in PHASES
    }
    assert ways["frozen"] == {"on", "back"}
    assert ways["after the opening"] == ways["finish"] == ways["check"] == {"on"}
    assert ways[BACK] == {"back"}


def test_the_same_seed_draws_the_same_cells() -> None:
    choice = Choice(sample=5, seed=3)
    drawn = [choice.of(cells(Field(CHANGES, frozenset(), 3), {})) for _ in range(2)]
    assert [cell.key for cell in drawn[0]] == [cell.key for cell in drawn[1]]
    assert len(drawn[0]) == 5


def test_where_there_was_nothing_to_break_another_change_is_drawn() -> None:
    cell = next(each for each in ALL if each.fault.name == "Ctrl-C" and each.phase == "frozen")
    again = next(each for each in cells(FIELD, {cell.key: 1}) if each.key == cell.key)
    assert {cell.change, again.change} == set(CHANGES["frozen"])


def test_what_fits_nowhere_is_told() -> None:
    assert "rsync is killed, before the freeze" not in nowhere(FIELD)
    bare = Field({**CHANGES, "before the freeze": ["mark: mark it"]}, frozenset(), 7)
    assert "rsync is killed, before the freeze" in nowhere(bare)


def test_every_cell_has_a_seat() -> None:
    found = sittings(ALL, CHANGES, {})
    seated = sorted(cell.key for sitting in found for cell in sitting.cells)
    assert seated == sorted(cell.key for cell in ALL)
    assert all(len({cell.way for cell in sitting.cells}) == 1 for sitting in found)


def test_what_goes_on_shares_a_move_in_the_order_of_the_plan() -> None:
    for sitting in sittings(ALL, CHANGES, {}):
        if sitting.onward:
            phases = [PHASES.index(cell.phase) for cell in sitting.cells]
            assert phases == sorted(phases)
            assert len({cell.phase in COLD for cell in sitting.cells}) == 1
            assert len({cell.change for cell in sitting.cells}) == len(sitting.cells)


def test_kills_of_one_moment_share_a_move() -> None:
    many: dict[Phase, list[str]] = {
        **CHANGES,
        "frozen": [f"a: {n}x" for n in "abcdefghijklmnopqrstuvwxyz"],
    }
    field = Field(many, frozenset(), 7)
    found = sittings(cells(field, {}), many, {})
    killing = [each for each in found if each.onward and each.cells[0].fault.name == KILL]
    assert TOGETHER < max(len(each.cells) for each in killing) <= KILLS
    assert all(len({cell.moment for cell in each.cells}) == 1 for each in killing)
    others = [each for each in found if each.onward and each not in killing]
    assert 1 < max(len(each.cells) for each in others) <= TOGETHER


def test_a_way_back_is_shared_by_what_strikes_it_itself() -> None:
    many: dict[Phase, list[str]] = {**CHANGES, BACK: [f"{BACK}: {n}x" for n in "abcdefghijkl"]}
    found = sittings(cells(Field(many, frozenset(), 7), {}), many, {})
    returning = [each for each in found if each.returning]
    assert all(cell.phase == BACK for each in returning for cell in each.cells)
    assert max(len(each.cells) for each in returning) > TOGETHER
    for each in returning:
        names = [cell.change for cell in each.cells]
        assert names == sorted(set(names))
        kills = {cell.moment for cell in each.cells if cell.fault.name == KILL}
        assert not kills or (len(kills) == 1 and len({cell.fault.name for cell in each.cells}) == 1)


def test_ways_back_follow_each_other_unless_one_needs_machines_that_nothing_was_done_to() -> None:
    chains = [each for each in sittings(ALL, CHANGES, {}) if not each.shared]
    assert 1 < max(len(each.cells) for each in chains) <= CHAIN
    for chain in chains:
        assert not any(cell.phase == "sync" and cell.fault.wants for cell in chain.cells[1:])


def test_what_was_wrong_in_company_is_played_in_less() -> None:
    suspect = next(cell for cell in ALL if cell.way == "on" and cell.phase == "frozen")
    found = sittings(ALL, CHANGES, {suspect.key: 1})
    assert [suspect] in [each.cells for each in found]
    assert {each.most for each in found} == {1, MOST}


def entry(cell: Cell, outcome: str, **more: Any) -> Entry:
    made = begun(cell)
    made.outcome, made.source_intact = outcome, True
    return Entry(**{**vars(made), **more})


RIGHT = entry(ALL[0], AGAIN)


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages_missing": 1},
        {"messages_doubled": 1},
        {"source_intact": False},
        {"differences": ["rows bj t: 2 became 1"]},
        {"outcome": f"{BROKEN}: it hangs"},
        {"outcome": UNMET},
    ],
)
def test_one_promise_that_did_not_hold_is_enough(wrong: dict[str, object]) -> None:
    assert RIGHT.right
    assert not Entry(**{**vars(RIGHT), **wrong}).right


PATH = "faults.json"


def test_what_was_right_is_not_tried_again_and_what_was_wrong_comes_last(tmp_path: Path) -> None:
    first, second = ALL[:2]
    result = Result("mark", [])
    result.add([entry(first, AGAIN), entry(second, f"{BROKEN}: it hangs")])
    left = Progress(Choice(), FIELD, result, tmp_path / PATH).left()
    assert first.key not in {cell.key for cell in left}
    assert left[-1].key == second.key
    assert result.left == len(ALL) - 2


def test_within_one_run_what_is_wrong_alone_or_never_met_is_left_alone(tmp_path: Path) -> None:
    outcomes = {"sshd is restarted": UNMET, KILL: f"{BROKEN}: it hangs"}
    played: list[tuple[str, str, int]] = []
    result = Result("mark", [])
    going = Progress(Choice("frozen"), FIELD, result, tmp_path / PATH)
    while (sitting := going.take()) is not None:
        played += [(cell.fault.name, cell.change, len(sitting.cells)) for cell in sitting.cells]
        going.keep(
            sitting, [entry(cell, outcomes.get(cell.fault.name, AGAIN)) for cell in sitting.cells]
        )
    assert not going.left()
    drawn = [change for name, change, _ in played if name == "sshd is restarted"]
    assert len(drawn) == 6, "three draws for each way"
    assert set(drawn) == set(CHANGES["frozen"])
    killed = {cell.key for cell in ALL if cell.fault.name == KILL and cell.phase == "frozen"}
    assert sum(name == KILL and company == 1 for name, _, company in played) == len(killed)
    assert result.left == 0
    assert not result.right


def test_what_one_pair_plays_no_other_takes(tmp_path: Path) -> None:
    going = Progress(Choice("frozen"), FIELD, Result("mark", []), tmp_path / PATH)
    taken = iter(going.take, None)
    keys = [cell.key for sitting in taken for cell in sitting.cells]
    assert len(keys) == len(set(keys)) == len(Choice("frozen").of(ALL))


def test_results_of_another_checkout_say_nothing(tmp_path: Path) -> None:
    path = tmp_path / PATH
    result = Result("one", [])
    result.add([entry(ALL[0], AGAIN)])
    result.save(path)
    assert [each.right for each in Result.read(path, "one").entries] == [True]
    assert Result.read(path, "another").entries == []
    path.write_text("[]")
    assert Result.read(path, "one").entries == []


def test_the_sums_count_what_was_met_and_name_what_was_wrong() -> None:
    lost = entry(ALL[1], AGAIN, messages_missing=2, differences=["message x: missing"])
    result = Result("mark", [RIGHT, lost, entry(ALL[2], UNMET)], left=5)
    sums = result.summary()
    assert (sums["cells_tried"], sums["right"], sums["lost"], sums["doubled"]) == (2, 1, 2, 0)
    assert (sums["not_met"], sums["left"], sums["source_intact_in_all"]) == (1, 5, True)
    named, not_met, last = result.lines()
    assert "message x: missing" in named
    assert UNMET in not_met
    assert last.endswith("left 5")
    assert not result.right


def test_nothing_tried_proves_nothing() -> None:
    assert not Result("mark", []).right
    assert Result("mark", [RIGHT, entry(ALL[2], UNMET)]).right


def test_a_change_is_the_same_whatever_its_numbers_are() -> None:
    assert alike("copy /a (3 paths)") == alike("copy /a (17 paths)") != alike("copy /b (3 paths)")
