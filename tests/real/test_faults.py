"""A few cells of the fault campaign: nothing is lost, and the move goes on or back."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from lab.faults.campaign import played
from lab.faults.catalogue import FAULTS, KILL
from lab.faults.cells import Cell, Way
from lab.faults.entry import AGAIN, BACK_AGAIN, WENT_ON
from lab.faults.phases import Phase
from lab.faults.sittings import Sitting
from lab.faults.stock import opened
from lab.kill_at import ASKED, DURING
from lab.scene import Scene

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]

COPY, CONFIRM = "finish-trees: copy the rest", "confirm: confirm the switch on both"


def cell(name: str, phase: Phase, change: str, moment: str = "begun", way: Way = "on") -> Cell:
    (fault,) = (each for each in FAULTS if each.name == name)
    return Cell(fault, phase, change, moment, way)


def outcomes(run: Scene, *sittings: list[Cell]) -> list[str]:
    """What became of their cells, one sitting after the other; every promise must have held."""
    stock = replace(opened(run), changes={"frozen": [CONFIRM]})
    entries = [each for cells in sittings for each in played(stock, run, Sitting(cells))]
    assert [entry for entry in entries if not entry.right] == []
    return [entry.outcome for entry in entries]


def test_three_faults_in_one_move(fresh: Scene) -> None:
    """The most dangerous moment is the one in which the switch is half confirmed."""
    struck = [
        cell("the line is down for 5 s", "frozen", COPY),
        cell(KILL, "frozen", CONFIRM, DURING),
        cell("Ctrl-C", "verify", ASKED, ASKED),
    ]
    assert outcomes(fresh, struck) == [WENT_ON, AGAIN, AGAIN]


def test_two_ways_back_from_the_last_moment(fresh: Scene) -> None:
    """The second one is struck itself, at two changes."""
    start = "rollback: start BlueMind, and mail with its queue on hold"
    killed = [cell(KILL, "frozen", CONFIRM, DURING, "back")]
    struck = [
        cell(KILL, "rollback", start, way="back"),
        cell("Ctrl-C twice", "rollback", "rollback: stop mail", way="back"),
    ]
    assert outcomes(fresh, killed, struck) == [BACK_AGAIN] * 3


@pytest.mark.campaign
def test_power_lost_and_lines_half_open(fresh: Scene) -> None:
    lost = cell("the target loses its power", "frozen", COPY, "done", "back")
    half = cell("the line is half open", "frozen", "fence: keep the services stopped", way="back")
    assert outcomes(fresh, [lost, half]) == [BACK_AGAIN, BACK_AGAIN]
