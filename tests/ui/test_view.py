"""The fold over events, and what other programs read of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui import sample
from tests.ui.sheet import Sheet
from transhume.core.event import Event
from transhume.core.step import Step
from transhume.ui.machine import KEYS
from transhume.ui.report import report
from transhume.ui.status import show_status
from transhume.ui.view import Status, fold, to_json
from transhume.ui.words import line, moment


def until(move: list[Event], kind: str, nth: int = 0) -> list[Event]:
    """The events up to and with the nth of that kind."""
    found = [index for index, event in enumerate(move) if event.kind == kind]
    return move[: found[nth] + 1]


def states(status: Status) -> dict[str, str]:
    return {step.key: step.state for step in status.steps.values()}


def test_a_whole_move(move: list[Event]) -> None:
    status = fold(move)
    assert status.past_return
    assert not status.down
    assert status.walk is not None
    assert (status.walk.command, status.walk.outcome) == ("cutover", "done")
    assert status.problem is None
    assert status.phase == "after"
    assert len(status.outages) == 2
    assert states(status)["open"] == "done"
    assert to_json(status)["next"] == "transhume verify"
    for equal, then in ((True, "finish"), (False, "verify")):
        verified = Event(move[-1].id + 1, move[-1].at, "verified", {"equal": equal})
        assert to_json(fold([*move, verified]))["next"] == f"transhume {then}"


def test_downtime_is_the_sum_and_goes_on_while_down(move: list[Event]) -> None:
    whole = fold(move)
    ups = [event.at for event in move if event.kind == "up"]
    downs = [event.at for event in move if event.kind == "down"]
    assert whole.downtime() == sum(up - down for up, down in zip(ups, downs, strict=True))
    halted = until(move, "change-failed")
    assert fold(halted, now=downs[0] + 1000).downtime() == 1000


def test_a_failure_names_its_step_its_entry_and_what_to_type(move: list[Event]) -> None:
    failed = until(move, "change-failed")
    for events in (failed, [*failed, move[len(failed)]]):
        status = fold(events)
        assert status.problem is not None
        assert status.problem.entry == failed[-1].id
        assert status.problem.step == "finish-trees"
        assert states(status)["finish-trees"] == "failed"
        assert to_json(status)["next"] == "transhume cutover --yes"
        assert not any(part.active for part in status.parts.values())


def test_a_rollback_leaves_what_was_kept_and_undoes_the_rest(move: list[Event]) -> None:
    status = fold(until(move, "rolled-back"))
    assert states(status)["freeze"] == "undone"
    assert states(status)["sync-trees"] == "waiting"
    assert {change.state for change in status.changes.values()} == {"undone", "kept"}
    assert not status.past_return
    assert to_json(status)["next"] == "transhume rollback"
    assert to_json(fold(until(move, "walk-ended", 2)))["next"] == "transhume check"


def test_a_walk_that_died_without_a_word_is_told_when_the_next_begins(move: list[Event]) -> None:
    events = [*until(move, "step-begun", 3), Event(999, sample.BEGAN + 9, "walk-begun", {})]
    status = fold(events)
    assert [walk.outcome for walk in status.walks] == ["killed", "running"]
    assert "failed" in states(status).values()


def test_steps_of_the_plan_wait_before_they_begin(move: list[Event]) -> None:
    class Late(Step):
        key, title, why, phase = "late", "come late", "because", "after"

    assert states(fold(move[:3], steps=[Late]))["late"] == "waiting"


def test_estimates_only_from_fresh_observations(tmp_path: Path) -> None:
    events, progress = sample.halfway(tmp_path)
    fresh = fold(events, progress, now=progress[0][1] + 1).parts
    assert fresh["/var/spool/cyrus"].rate is not None
    assert fresh["/var/spool/cyrus"].eta is not None
    assert fresh["/var/spool/bm-hsm"].rate is None
    stale = fold(events, progress, now=progress[0][1] + 600).parts
    assert stale["/var/spool/cyrus"].rate is None


def test_a_proof_about_a_database_stands_with_the_database(move: list[Event]) -> None:
    parts = fold(move).parts
    assert set(parts["bj"].proofs) == {"objects", "tables"}
    assert "bj: schema" not in parts


def test_what_couldnt_be_compared_once_is_forgotten_when_all_is_compared_again() -> None:
    failed = {"part": "trees", "compared": 1, "equal": 0, "unit": "proofs", "differing": ["x"]}
    begun = Event(1, 0.0, "walk-begun", {"command": "verify"})
    events = [begun, Event(2, 0.0, "proved", failed)]
    assert [part.name for part in fold(events).told] == ["trees"]
    again = [*events, Event(3, 1.0, "walk-begun", {"command": "verify"})]
    assert fold(again).told == []
    assert len(fold([*events, Event(3, 1.0, "walk-begun", {"command": "sync"})]).told) == 1


def test_findings_are_those_of_the_last_check() -> None:
    fields = vars(sample.FINDINGS[0])
    checks: tuple[list[dict[str, object]], ...] = ([fields, {**fields, "key": "other"}], [])
    events = [
        Event(number, 0.0, "checked", {"findings": found})
        for number, found in enumerate(checks, start=1)
    ]
    assert [finding.key for finding in fold(events[:1]).findings] == ["queue", "other"]
    assert fold(events).findings == []


@given(data=st.data())
def test_no_prefix_and_no_gap_breaks_the_fold(move: list[Event], data: st.DataObject) -> None:
    length = data.draw(st.integers(0, len(move)))
    gaps = data.draw(st.sets(st.integers(0, len(move)), max_size=40))
    status = fold([event for event in move[:length] if event.id not in gaps])
    assert status.downtime() >= 0
    json.dumps(to_json(status))


def paths(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (below := f"{path}.{key}".lstrip("."))
            yield from paths(inner, below)
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{path}[]")


def test_every_key_for_programs_is_documented_and_every_documented_key_is_there(
    move: list[Event],
) -> None:
    lasting = {
        "addresses",
        "rows",
        "differing",
        "notes",
        "steps",
        "parts",
        "findings",
        "proofs",
        "outages",
    }
    seen: set[str] = set()
    for events in (move, until(move, "change-failed"), [*move, _looked(move)]):
        seen |= set(paths(json.loads(json.dumps(to_json(fold(events))))))
    plain = {path for path in seen if f"{path}[]" not in KEYS}
    assert plain == {key for key in KEYS if not key.endswith("[]")}
    assert {path.rpartition(".")[2] for path in seen - plain} <= lasting


def _looked(move: list[Event], lost: str = "") -> Event:
    """A minute later the way back is looked at."""
    last = move[-1]
    return Event(last.id + 1, last.at + 60, "return", {"lost": lost, "kept": 3_000_000})


def _carrying(move: list[Event]) -> list[Event]:
    """The same move, from whose opening on everything is noted."""
    back = {"kind": "Carry", "reason": "what people do is noted"}
    return [
        replace(event, data={**event.data, "back": back})
        if event.kind == "change-begun" and event.data["back"]["kind"] == "Never"
        else event
        for event in move
    ]


def test_while_what_people_do_is_noted_nothing_is_past_return(move: list[Event]) -> None:
    status = fold(_carrying(move))
    assert (status.opened, status.past_return) == (True, False)
    sheet = Sheet(120)
    show_status(sheet, status)
    shown = " ".join(" ".join(sheet.rows).split())
    assert "served by the target" in shown
    assert "transhume verify looks whether all of it can be had" in shown
    assert "all new mail" not in shown


@pytest.mark.parametrize("lost", ["", "no log of bj is kept"])
def test_of_the_way_back_only_what_was_seen_is_told_and_of_when(
    move: list[Event], lost: str
) -> None:
    events = _carrying(move)
    seen = _looked(events, lost)
    at = seen.at
    status = fold([*events, seen], now=at + 3600)
    sheet = Sheet(160)
    show_status(sheet, status)
    shown = " ".join(" ".join(sheet.rows).split())
    assert f"as of {moment(at)}" in shown
    assert (lost in shown) if lost else ("takes along all new mail" in shown)
    assert ("for 3.0 MB of the target's disk" in shown) == (not lost)
    told = to_json(status)["way_back"]
    assert (told["at"], told["lost"], told["kept"]) == (at, lost, 3_000_000)
    assert told["since"] < at
    assert (line(lost) if lost else "all new mail") in report([*events, seen], [], facts={})
