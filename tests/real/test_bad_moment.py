"""The right command at the wrong moment is refused, and the move that is under way goes on."""

from __future__ import annotations

import os

import pytest

from lab import network
from lab.scene import SOURCE, Scene
from lab.standing import standing
from tests.real.stage import (
    SETTINGS,
    STATE,
    Started,
    blocking,
    edited,
    refusal,
    slow_copy,
    typed,
    untouched,
    wait_copying,
)

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]

_COMMANDS = (
    ("check",),
    ("plan",),
    ("sync",),
    ("cutover", "--yes"),
    ("verify",),
    ("rollback",),
    ("finish",),
)
_FORGET = (
    "sh",
    "-c",
    "cd /usr/lib/bm-standin && python3 -c 'from bmstandin.wizard import forget; forget()'",
)


def test_a_target_whose_wizard_was_not_run(fresh: Scene) -> None:
    fresh.pair.target.exec(_FORGET)
    fresh.begin()
    before = standing(fresh.pair.source)
    with untouched(fresh.pair):
        assert blocking(typed(fresh, "check", "--json"))["wizard"] == "target"
        told = refusal(typed(fresh, "cutover", "--yes"), 10)
    assert "the set-up wizard wasn't run here" in told
    assert before.unlike(standing(fresh.pair.source)) == []


def test_while_a_move_is_under_way(fresh: Scene) -> None:
    before = standing(fresh.pair.source)
    fresh.begin()
    _a_second_run(fresh)
    _somebody_else(fresh)
    with untouched(fresh.pair):
        _another_move(fresh)
        told = refusal(typed(fresh, "finish"), 15)
        assert "the target doesn't serve yet" in told
    fresh.transhume("rollback")
    with untouched(fresh.pair):
        assert "Nothing is to be taken back" in fresh.transhume("rollback").stdout
    assert before.unlike(standing(fresh.pair.source)) == []


def _a_second_run(run: Scene) -> None:
    with slow_copy(run, 1), Started(run, "sync") as first:
        wait_copying(run, first)
        for words in _COMMANDS:
            told = refusal(typed(run, *words), 13)
            assert "another transhume holds this move (process " in told
        assert first.running()
        assert '"command": "sync"' in run.transhume("status", "--json").stdout
        network.limit(run.pair.name, "source", None)
        done = first.ended()
    assert done.returncode == 0, done.stderr


def _somebody_else(run: Scene) -> None:
    for words in (("status",), ("report",), ("sync",)):
        argv = ("runuser", "-u", "nobody", "--", "transhume", *words)
        told = refusal(run.pair.target.exec(argv, check=False), 4)
        assert "must run as root" in told


def _another_move(run: Scene) -> None:
    journal = ("sha256sum", f"{STATE}/journal.db")
    kept = run.pair.target.exec(journal).stdout
    for script in (
        's/^service = .*/service = ["192.0.2.30\\/24"]/',
        f's/^ssh = .*/ssh = "root@{network.SERVICE.ipv4}"/',
    ):
        with edited(run.pair.target, SETTINGS, script):
            for words in (("sync",), ("cutover", "--yes")):
                told = refusal(typed(run, *words), 14)
                assert "the journal belongs to another move" in told
    told = refusal(typed(run, "init", SOURCE, "--replace"), 6)
    assert "wasn't confirmed" in told
    assert run.pair.target.exec(journal).stdout == kept
