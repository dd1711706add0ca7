"""Watching a run from another process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ui import sample
from tests.ui.sheet import Sheet
from transhume.core.event import Event, Progress
from transhume.ui.follow import Follower, Reading, follow


def test_rates_come_from_what_changed_between_readings(tmp_path: Path) -> None:
    events, _ = sample.halfway(tmp_path)
    began, follower = events[-1].at, Follower()
    for second in range(11):
        # Half was there at once, as after a pass that was cut off: no base for an estimate.
        done = 700_000_000_000 + second * 100_000_000
        progress = [
            (Progress("/var/spool/cyrus", done, 1_412_300_000_000, "bytes"), began + second)
        ]
        status = follower.status((events, progress), began + second)
    part = status.parts["/var/spool/cyrus"]
    assert part.rate == pytest.approx(100_000_000)
    assert part.eta == pytest.approx(7113)


@pytest.mark.parametrize("screen", [False, True])
def test_the_page_stays_when_the_run_ends(screen: bool, move: list[Event]) -> None:
    sheet = Sheet(screen=screen)
    readings: list[Reading] = [(move[:length], []) for length in (10, 12, len(move))]
    follow(sheet, lambda: readings.pop(0), wait=lambda seconds: None)
    assert not readings
    assert sheet.rows[-1].endswith(" Next: transhume verify")


def test_a_run_that_was_killed_is_not_waited_for(move: list[Event]) -> None:
    sheet = Sheet()
    follow(sheet, lambda: (move[:10], []), held=lambda: False)
    assert ": killed, " in sheet.text
