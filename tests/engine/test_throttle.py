"""The copy is held back by bytes per second and by load, and both may change meanwhile."""

from __future__ import annotations

import threading

import pytest

from transhume.core.settings import CopySettings
from transhume.engine import throttle
from transhume.engine.throttle import Throttle


class Clock:
    """Time that passes only when somebody naps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Ended(threading.Event):
    """Instead of napping, lets the clock go on."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self.clock.now += timeout or 0
        return self.is_set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The only time there is."""
    made = Clock()
    monkeypatch.setattr(throttle, "time", made)
    return made


def test_without_a_limit_nobody_waits(clock: Clock) -> None:
    held = Throttle(CopySettings, lambda: 99.0, Ended(clock))
    held.take(1 << 30)
    assert clock.now == 1000.0
    assert not held.held


def test_bytes_per_second_are_kept(clock: Clock) -> None:
    limits = CopySettings(bandwidth="1M")
    held = Throttle(lambda: limits, lambda: 0.0, Ended(clock))
    for _ in range(20):
        held.take(1 << 20)
    assert 1018 <= clock.now <= 1021
    assert held.held


def test_a_limit_that_is_lifted_counts_at_once(clock: Clock) -> None:
    limits = [CopySettings(bandwidth="1K")]
    held = Throttle(lambda: limits[0], lambda: 0.0, Ended(clock))
    held.take(1 << 20)
    limits[0] = CopySettings()
    held.take(1 << 20)
    limits[0] = CopySettings(bandwidth="10M")
    held.take(1 << 20)
    assert clock.now < 1002


def test_who_can_do_something_else_meanwhile_is_told_to(clock: Clock) -> None:
    held = Throttle(lambda: CopySettings(bandwidth="1M"), lambda: 0.0, Ended(clock))
    assert held.may(1 << 20)
    assert not held.may(1 << 20)
    assert held.held
    assert clock.now == 1000.0
    clock.now += 1
    assert held.may(1 << 20)


def test_while_the_source_is_busy_nothing_is_asked(clock: Clock) -> None:
    loads = [9.0, 9.0, 1.0]
    held = Throttle(lambda: CopySettings(max_load=4.0), lambda: loads.pop(0), Ended(clock))
    held.take(1)
    assert loads == []
    assert clock.now >= 1010


def test_whoever_waits_is_let_go_at_the_end(clock: Clock) -> None:
    ended = Ended(clock)
    ended.set()
    Throttle(lambda: CopySettings(max_load=1.0), lambda: 9.0, ended).take(1)
