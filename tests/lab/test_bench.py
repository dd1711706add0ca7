"""The benchmark's own arithmetic: parts, medians, disk, and a page that tells what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.bench import page, sizes, stock, systemd
from lab.bench.race import parts_of
from lab.bench.result import PARTS, Run, summary
from lab.bench.systemd import Said
from lab.shell import LabError


def _run(way: str, downtime: float, **parts: float) -> Run:
    services = parts.get("stop", 0.0) + parts.get("start", 0.0)
    whole = {**dict.fromkeys(PARTS, 0.0), **parts}
    return Run(way, downtime, whole, services, {}, 1.0, 10, 0, 0)


def _found() -> dict[str, Any]:
    runs = [_run("documented", 300.0, files=200.0), _run("transhume", 10.0, stop=2.0, start=5.0)]
    machine = {"cores": 2, "memory_gib": 24, "load_before": 0.1}
    return {"size": "S", "at": "2026-11-23", "machine": machine, **summary(runs)}


def test_the_overhead_is_what_stopping_and_starting_leave() -> None:
    assert _run("transhume", 10.0, stop=2.0, start=5.0).overhead == 3.0


def test_a_summary_is_made_of_medians() -> None:
    runs = [_run("documented", seconds) for seconds in (100.0, 900.0, 200.0)]
    found = summary([*runs, _run("transhume", 10.0)])
    assert found["documented_downtime_seconds"] == 200.0
    assert found["ratio"] == 20.0


def test_parts_are_the_accounts() -> None:
    told: list[tuple[str, str, float | None]]
    told = [("freeze", "stop", 2.0), ("fence", "stop", 1.0), ("start", "start", 4.0)]
    told += [("take-address", "address", 1.5), ("visit", "proofs", None)]
    steps = [{"step": key, "account": name, "measured": seconds} for key, name, seconds in told]
    wanted = {"stop": 3.0, "start": 4.0, "address": 1.5}
    found = parts_of({"forecast": {"parts": steps}})
    assert found == {**dict.fromkeys(PARTS, 0.0), **wanted}


def test_of_services_that_start_side_by_side_a_second_counts_once() -> None:
    assert systemd.covered([(0.0, 3.0), (1.0, 2.0), (2.5, 4.0), (9.0, 9.5)]) == 4.5


def test_only_services_count_and_each_from_its_beginning_to_its_end() -> None:
    said = [
        Said(1.0, "bm-core.service", True),
        Said(1.5, "systemd-networkd.service", True),
        Said(2.0, "postfix@-.service", True),
        Said(2.5, "postfix@-.service", False),
        Said(3.0, "bm-core.service", False),
        Said(4.0, "bm-node.service", False),
    ]
    assert sorted(systemd.ways(said)) == [(1.0, 3.0), (2.0, 2.5)]


def test_a_service_that_never_came_to_its_end_is_no_measure() -> None:
    with pytest.raises(LabError, match=r"bm-core\.service never came to its end"):
        list(systemd.ways([Said(1.0, "bm-core.service", True)]))


def test_disks_are_used_again_only_when_they_hold_just_this(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, note = sizes.SIZES["S"], tmp_path / "note.json"
    monkeypatch.setattr(stock, "saved", lambda: ["benchs"])
    assert stock._known(note, "benchs", size) is None
    note.write_text(json.dumps({"made of": stock._made_of(size), "at": "", "filled": {}}))
    assert stock._known(note, "benchs", size)
    assert stock._known(note, "other", size) is None
    assert stock._known(note, "benchs", sizes.SIZES["M"]) is None


def test_a_disk_without_room_is_told_before_anything_starts(tmp_path: Path) -> None:
    huge = sizes.Size("X", 10**10, 1, 1, 1)
    with pytest.raises(LabError, match=r"SIZE=X takes up to [\d]+ GiB of disk"):
        sizes.require_disk(huge, huge.disk_once(), tmp_path)


def test_the_page_is_what_was_measured() -> None:
    text = page.filled_in(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n", {"S": _found()})
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| S | 50,000 | 300.0 | 10.0 | 3.0 | 30.0 x | 0 |" in text
    assert "old" not in text


def test_the_kept_page_is_made_of_the_kept_results() -> None:
    found = (page.DOCS / "benchmarks.md").read_text()
    assert page.filled_in(found, page.kept()) == found


def test_the_curve_has_a_point_for_each_way_and_size() -> None:
    drawn = page.curve({"S": _found(), "M": _found()})
    assert drawn.count("<circle") == 4
