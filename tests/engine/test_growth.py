"""How many connections are found to be worth it, on lines that are known here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from transhume.engine.growth import NUMBERS, Growth

MOST = NUMBERS[-1]


def _after(line: Callable[[int], float], periods: int = 12, growth: Growth | None = None) -> Growth:
    growth = growth or Growth()
    for _ in range(periods):
        growth.measured(line(growth.lanes))
    return growth


@pytest.mark.parametrize(
    ("line", "lanes"),
    [
        (lambda lanes: 100.0, 1),
        (lambda lanes: min(lanes, 2) * 50.0, 2),
        (lambda lanes: min(lanes, 4) * 25.0, 4),
        (lambda lanes: lanes * 25.0, MOST),
        (lambda lanes: 100.0 / lanes, 1),
        (lambda lanes: 0.0, 2),
    ],
    ids=[
        "one is enough",
        "two fill it",
        "four fill it",
        "each adds",
        "each disturbs",
        "nothing comes",
    ],
)
def test_it_stops_where_another_one_brings_nothing(
    line: Callable[[int], float], lanes: int
) -> None:
    assert _after(line).lanes == lanes


def test_a_line_that_changes_is_measured_anew() -> None:
    growth = _after(lambda lanes: min(lanes, 2) * 30.0)
    assert growth.lanes == 2
    growth.measured(9.0)
    assert growth.lanes == 4
    assert _after(lambda lanes: min(lanes, 6) * 30.0, 40, growth).lanes == 6


def test_one_that_was_enough_isnt_for_ever() -> None:
    growth = _after(lambda lanes: 100.0)
    assert growth.lanes == 1
    assert _after(lambda lanes: min(lanes, 4) * 25.0, 80, growth).lanes == 4


def test_there_is_a_most() -> None:
    growth = Growth()
    for rate in range(1, 40):
        growth.measured(float(rate) ** 2)
        assert 1 <= growth.lanes <= MOST
