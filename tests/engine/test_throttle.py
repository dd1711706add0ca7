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

    def sleep(self, seconds: float) -> None:
        self.now += seconds


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
    held = Throttle(CopySettings, lambda: 99.0)
    held.take(1 << 30, Ended(clock))
    assert clock.now == 1000.0
    assert not held.held


def test_bytes_per_second_are_kept(clock: Clock) -> None:
    limits = CopySettings(bandwidth="1M")
    held = Throttle(lambda: limits, lambda: 0.0)
    for _ in range(20):
        held.take(1 << 20, Ended(clock))
    assert 1018 <= clock.now <= 1021
    assert held.held


def test_a_limit_that_is_lifted_counts_at_once(clock: Clock) -> None:
    limits = [CopySettings(bandwidth="1K")]
    held = Throttle(lambda: limits[0], lambda: 0.0)
    held.take(1 << 20, Ended(clock))
    limits[0] = CopySettings()
    held.take(1 << 20, Ended(clock))
    limits[0] = CopySettings(bandwidth="10M")
    held.take(1 << 20, Ended(clock))
    assert clock.now < 1002


def test_who_can_do_something_else_meanwhile_is_told_to(clock: Clock) -> None:
    held = Throttle(lambda: CopySettings(bandwidth="1M"), lambda: 0.0)
    assert held.may(1 << 20)
    assert not held.may(1 << 20)
    assert held.held
    assert clock.now == 1000.0
    clock.now += 1
    assert held.may(1 << 20)


def test_while_the_source_is_busy_nothing_is_asked(clock: Clock) -> None:
    loads = [9.0, 9.0, 1.0]
    held = Throttle(lambda: CopySettings(max_load=4.0), lambda: loads.pop(0))
    held.take(1, Ended(clock))
    assert loads == []
    assert clock.now >= 1010


def test_whoever_waits_is_let_go_at_the_end(clock: Clock) -> None:
    ended = Ended(clock)
    ended.set()
    Throttle(lambda: CopySettings(max_load=1.0), lambda: 9.0).take(1, ended)


def test_what_was_moved_is_paid_for_afterwards(clock: Clock) -> None:
    """Whoever can't ask beforehand stands still until the time of it has passed."""
    held = Throttle(lambda: CopySettings(bandwidth="1M"), lambda: 0.0)
    assert held.moved(0)
    assert not held.moved(3 << 20)
    clock.now += 2
    assert not held.moved(0)
    clock.now += 1
    assert held.moved(0)
    clock.now += 100
    assert held.moved(0)
    assert held.stood == 3.0


def test_all_copies_share_one_limit(clock: Clock) -> None:
    held = Throttle(lambda: CopySettings(bandwidth="1M"), lambda: 0.0)
    assert held.moved(0)
    assert not held.moved(2 << 20)
    assert not held.moved(2 << 20)
    assert not held.may(1)
    clock.now += 3
    assert not held.moved(0)
    clock.now += 1
    assert held.may(1)


def test_what_was_moved_before_there_was_a_limit_is_not_owed(clock: Clock) -> None:
    limits = [CopySettings()]
    held = Throttle(lambda: limits[0], lambda: 0.0)
    assert held.moved(1 << 40)
    limits[0] = CopySettings(bandwidth="1K")
    assert held.moved(0)
    assert not held.moved(1 << 20)
    limits[0] = CopySettings(bandwidth="1M")
    clock.now += 1
    assert held.moved(0)


def test_while_the_source_is_busy_nothing_goes_on(clock: Clock) -> None:
    loads, limits = [9.0, 1.0], [CopySettings(max_load=4.0)]
    held = Throttle(lambda: limits[0], lambda: loads.pop(0))
    assert not held.moved(0)
    clock.now += 4
    # Its load is asked for every 5 s: to ask is work for it, too.
    assert not held.moved(0)
    clock.now += 1
    assert held.moved(0)
    assert loads == []
    limits[0] = CopySettings()
    assert held.moved(0)


def test_nothing_begins_while_the_source_is_busy(clock: Clock) -> None:
    loads = [9.0, 9.0, 1.0]
    Throttle(lambda: CopySettings(max_load=4.0), lambda: loads.pop(0)).await_calm()
    assert loads == []
    assert clock.now == 1010.0
