"""Killed at any change, stopped by hand or cut off: run again it ends alike, or it goes back."""

from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path

import pytest

from lab import kills, network
from lab.compare import compare
from lab.kill_at import MOMENTS
from lab.machine import Machine
from lab.scene import Scene
from lab.shell import LabError, wait_until
from lab.standing import standing
from tests.real.stage import (
    Started,
    refusal,
    slow_copy,
    typed,
    wait_copying,
    wait_served,
)

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]

_WAYS_BACK = 3
_PULLED = 20.0
_FOLLOWED = ("replication", "units", "left behind")
"""What isn't as it was on a source that is followed."""
_LEFT = {
    "source": "^(rsync|pg_dump|psql|sshd: root)",
    "target": "^(rsync|ssh[: ]|pg_dump|pg_restore|psql|.*[b]in/transhume)",
}


def left(machine: Machine) -> list[str]:
    """What still works for the tool on a machine."""
    # The way on which the databases follow stays: it is the service's, not the tool's.
    script = 'ps -eo args | grep -E "$0" | grep -v transhume-follow; true'
    return machine.exec(("sh", "-c", script, _LEFT[machine.role])).stdout.splitlines()


def digest(machine: Machine, path: Path) -> str:
    return machine.exec(("sha256sum", str(path)), check=False).stdout


def nothing_left(run: Scene) -> None:
    # Its end on the source is a session like any other.
    run.pair.target.exec(("systemctl", "stop", "transhume-follow.service"), check=False)
    for machine in run.pair.machines:
        # The source's sshd hears of the end over the wire.
        with contextlib.suppress(LabError):
            wait_until(lambda of=machine: not left(of), f"{machine} to be rid of it", 20)  # type: ignore[misc]
        assert left(machine) == []


def test_stopped_by_hand_or_cut_off_it_goes_on(fresh: Scene) -> None:
    fresh.begin()
    before = standing(fresh.pair.source)
    for number, signal in enumerate(("INT", "TERM", "HUP")):
        with slow_copy(fresh, number) as path, Started(fresh, "sync") as tool:
            wait_copying(fresh, tool)
            tool.signal(signal)
            told = refusal(tool.ended(), 130)
        assert "Next: transhume sync" in told
        _goes_on(fresh, path)
    with slow_copy(fresh, 9) as path, Started(fresh, "sync") as tool:
        wait_copying(fresh, tool)
        _cut_off(fresh, tool)
    _goes_on(fresh, path)
    assert before.unlike(standing(fresh.pair.source), *_FOLLOWED) == []


def _goes_on(run: Scene, path: Path) -> None:
    nothing_left(run)
    run.transhume("sync")
    assert digest(run.pair.target, path) == digest(run.pair.source, path) != ""
    nothing_left(run)


def _cut_off(run: Scene, tool: Started) -> None:
    network.pull(run.pair.name, "source")
    try:
        tool.wait(_PULLED)
    finally:
        network.push(run.pair.name, "source")
        network.limit(run.pair.name, "source", None)
    done = tool.ended()
    assert done.returncode in (0, 5, 12), done.stderr
    if done.returncode:
        assert "transhume sync" in refusal(done, done.returncode)


def test_killed_at_a_change_it_goes_back(fresh: Scene) -> None:
    before = standing(fresh.pair.source)
    fresh.begin()
    kills.arm(fresh)
    fresh.transhume("sync")
    sample = random.Random(7)
    for change, unlike in kills.rollback_campaign(fresh, before, sample, _WAYS_BACK):
        assert unlike == [], change
        wait_served(fresh.pair.name)
    assert not typed(fresh, "rollback").returncode


@pytest.mark.parametrize(
    "passing", [4, pytest.param(0, marks=pytest.mark.campaign)], ids=["sample", "every change"]
)
def test_killed_at_a_change_it_goes_on(fresh: Scene, passing: int) -> None:
    fresh.begin()
    kills.arm(fresh)
    with fresh.traffic(rate=2.0) as (sent, _):
        changes = list(kills.resume_campaign(fresh, MOMENTS, passing))
    assert len(changes) == len(set(changes)) > len(MOMENTS)
    recipient = fresh.filled["addresses"][0]
    result = compare(fresh.pair.source, fresh.pair.target, log=sent, probe_to=recipient)
    assert result.differences == []
    wait_served(fresh.pair.name)
