"""What the bench of proving counts as whose memory, and the page it writes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

import pytest

from lab.bench import memory, proving_page
from lab.bench.memory import children, family, watched
from lab.shell import wait_until

_HOLD = "held = bytearray(40 << 20); print('there', flush=True); input()"
_COST = {"what": "transhume verify", "seconds": 61.5, "target_mib": 91.2, "source_mib": 44.0}


def test_a_family_is_all_that_came_of_a_process() -> None:
    parents = {2: 1, 3: 2, 4: 3, 5: 1, 6: 5}
    assert family({2}, parents) == {2, 3, 4}
    assert family(set(), parents) == set()
    assert list(children({os.getpid(): 1, 7: os.getpid(), 8: 7})) == [7]


@pytest.mark.programs(sys.executable)
def test_the_peak_is_of_what_was_started_and_not_of_who_watches() -> None:
    ours = bytearray(60 << 20)
    with (
        watched({"started": children}) as peaks,
        subprocess.Popen(
            (sys.executable, "-c", _HOLD), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process,
    ):
        assert process.stdout
        assert process.stdout.readline() == b"there\n"
        wait_until(lambda: peaks["started"] > 0, "a look at it", 20)
        process.communicate(b"\n")
    assert len(ours) == 60 << 20
    assert peaks["started"] < 100


def test_a_moment_isnt_a_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there in one look alone was a child that was only just being started."""
    looks, over = [80.0, 80.0, 160.0, 85.0, 85.0], threading.Event()

    def look(processes: set[int]) -> float:
        if not looks:
            over.set()
        return looks.pop(0) if looks else 10.0

    monkeypatch.setattr(memory, "_SAMPLE_SECONDS", 0.001)
    monkeypatch.setattr(memory, "mib", look)
    with watched({"all": children}) as peaks:
        assert over.wait(20)
    assert peaks["all"] == 85.0


def test_the_page_says_what_was_run_and_what_it_took() -> None:
    result: dict[str, Any] = {
        "size": "L",
        "at": "2026-11-23",
        "machine": {"cores": 2, "memory_gib": 23, "load_before": 0.4},
        "filled": {"messages": 1_000_000},
        "proofs": [
            {"part": "/var/spool/cyrus", "compared": 900_300, "unit": "entries"},
            {"part": "/var/spool/bm-hsm", "compared": 100_300, "unit": "entries"},
            {"part": "bj", "compared": 917, "unit": "tables"},
        ],
        "walks": [
            {"command": "verify", "outcome": "failed", "memory": {"transhume": 1}},
            {"command": "verify", "outcome": "done", "memory": {"transhume": 84 << 20}},
            {"command": "verify", "outcome": "done", "memory": {"transhume": 85 << 20}},
        ],
        "checks": [{"memory": {"transhume": 70 << 20, "target": 12 << 20, "source": 14 << 20}}],
        "costs": [
            {**_COST, "what": "transhume check", "status": 0},
            {**_COST, "status": 0, "said": "equal"},
            {**_COST, "what": "transhume verify --full", "status": 0},
            {**_COST, "what": "transhume verify --full", "status": 130, "seconds": 7.5},
            {**_COST, "what": "count(*) of every table", "target_mib": 0.0, "source_mib": 0.0}
            | {"status": 0, "said": "7 rows in 2 tables"},
            {**_COST, "what": "rsync -nc", "status": 23, "said": "some files"},
        ],
    }
    text = proving_page.filled_in(
        f"a\n{proving_page.BEGIN}\nold\n{proving_page.END}\nb\n", [result]
    )
    assert text.startswith("a\n")
    assert text.endswith("b\n")
    assert "old" not in text
    assert "1,000,000 bodies, 1,000,600 entries of trees, 917 tables" in text
    assert "| L | `transhume check` | 61.5 | 70 + 12 | 14 |" in text
    assert "| L | `transhume verify` | 61.5 | 84 + 0 |  |" in text
    assert "| L | `transhume verify --full` | 61.5 | 85 + 0 |  |" in text
    assert "7.5" not in text, "it was interrupted"
    assert "| L | `count(*) of every table` (7 rows in 2 tables) | 61.5 |  |  |" in text
    assert "| L | `rsync -nc`, status 23 | 61.5 | 91 | 44 |" in text
