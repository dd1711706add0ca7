"""Numbers, times and foreign text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.sheet import tame
from transhume.ui import words
from transhume.ui.pace import Window


@given(st.text())
def test_nothing_foreign_commands_the_screen(text: str) -> None:
    assert tame(words.visible(text))
    assert tame(words.line(text))
    words.line(text).encode()


def test_a_stray_byte_of_a_file_name_is_shown_as_that_byte() -> None:
    name = b"caf\xe9\x1b[2J\n".decode(errors="surrogateescape")
    assert words.visible(name) == r"caf\xe9\x1b[2J\n"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_960, "100 kB"),
        (1_412_300_000_000, "1.4 TB"),
    ],
)
def test_sizes(number: int, said: str) -> None:
    assert words.size(number) == said


def test_done_and_total_share_a_unit() -> None:
    assert words.size_of(402_700_000_000, 1_412_300_000_000) == "0.4/1.4 TB"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0.0 s"),
        (36.14, "36.1 s"),
        (251, "4 min 11 s"),
        (15_153, "4 h 12 min"),
        (90_000, "1 d 01 h"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(2892, "0:48:12"), (0.4, "0:00:00"), (90_061, "1 d 1:01")]
)
def test_time_left(seconds: float, said: str) -> None:
    assert words.countdown(seconds) == said


def test_a_hundred_percent_is_said_of_the_whole_only() -> None:
    assert words.percent(10**18 - 1, 10**18) == "99 %"
    assert words.percent(1, 0) == ""


def test_rows_of_the_page_are_joined() -> None:
    assert words.ranges([16, 13, 12]) == "12\N{EN DASH}13, 16"


@given(st.text(max_size=60), st.integers(2, 40))
def test_a_shortened_name_fits_and_keeps_its_end(name: str, width: int) -> None:
    short = words.shortened(name, width)
    assert len(short) <= width
    assert name.endswith(short.removeprefix("…"))


def test_no_rate_before_there_is_something_to_measure() -> None:
    window = Window()
    assert window.pace(100.0, 1000) is None
    window.observe(0.0, 500)
    window.observe(1.0, 600)
    assert window.pace(1.0, 1000) is None


def test_a_rate_is_measured_from_what_was_seen_not_from_zero() -> None:
    window = Window()
    window.observe(0.0, 500)
    window.observe(10.0, 600)
    pace = window.pace(10.0, 1000)
    assert pace is not None
    assert (pace.rate, pace.eta) == (10.0, 40.0)


def test_a_silent_part_gets_slower_and_an_unknown_total_has_no_end() -> None:
    window = Window()
    window.observe(0.0, 0)
    window.observe(10.0, 100)
    late, open_ended = window.pace(100.0, 1000), window.pace(10.0, 0)
    assert late is not None
    assert late.rate == 1.0
    assert open_ended is not None
    assert open_ended.eta is None


def test_only_the_last_seconds_count_and_a_new_pass_begins_anew() -> None:
    window = Window()
    for second in range(100):
        window.observe(float(second), second if second < 60 else 60 + (second - 60) * 100)
    pace = window.pace(99.0, 0)
    assert pace is not None
    assert pace.rate == 100.0
    window.observe(100.0, 5)
    assert window.pace(100.0, 0) is None
