"""The first copy's benchmark: medians, ratios against the others and the line, and its page."""

from __future__ import annotations

from lab.bench import copy_page, page, warming
from lab.bench.copy import Copied, summary

_TREES = {
    "/var/spool/small": {"files": 50_000, "bytes": 400 << 20},
    "/var/spool/large": {"files": 4, "bytes": 1_176_853_056},
}


def _copied(line: str, what: str, by: str, seconds: float | None) -> Copied:
    equal = (seconds or 0) + 1 if by == "transhume" else None
    return Copied(what, line, by, seconds, equal, 2.0, 3.0, 0)


def _found() -> dict[str, object]:
    runs = [
        *(_copied("short", "small", "rsync", seconds) for seconds in (30.0, 90.0, 40.0)),
        *(_copied("short", "small", "tar", seconds) for seconds in (20.0, 20.0, 20.0)),
        *(_copied("short", "small", "transhume", seconds) for seconds in (10.0, 10.0, 50.0)),
        _copied("long", "large", "transhume", 20.0),
    ]
    machine = {"cores": 2, "load_before": 0.1}
    return {
        "size": "S",
        "rounds": 3,
        "at": "2026-11-27",
        "machine": machine,
        **summary(runs, _TREES),
    }


def test_ratios_are_of_medians() -> None:
    found = _found()["ratios"]
    assert found == {
        "short small: best of the others": 2.0,
        "short small: rsync": 4.0,
        "long large: of the line": 0.5,
    }


def test_what_didnt_end_is_told_and_compared_with_nothing() -> None:
    runs = [
        *(_copied("long", "small", "rclone", seconds) for seconds in (5.0, None, 5.0)),
        _copied("long", "small", "transhume", 10.0),
    ]
    found = summary(runs, _TREES)
    assert "long small: best of the others" not in found["ratios"]
    machine = {"cores": 2, "load_before": 0.1}
    told = copy_page.table({"size": "S", "rounds": 3, "machine": machine, **found})
    assert "| long | small | rclone | did not finish in 900 s | | | | |" in told


def test_the_page_has_every_median_and_ratio() -> None:
    section = copy_page.SECTION
    text = section.filled_in(f"a\n{section.begin}\nold\n{section.end}\nb\n", [_found()])
    assert text.startswith("a\n")
    assert text.endswith("b\n")
    assert "| short | small | transhume | 10.0 | 11.0 | 2.0 | 3.0 | 0 |" in text
    assert "- long large: of the line: 0.5" in text
    assert "old" not in text


def test_the_kept_page_is_made_of_the_kept_results() -> None:
    found = (page.DOCS / "benchmarks.md").read_text()
    assert copy_page.SECTION.filled_in(found, copy_page.SECTION.kept()) == found


def test_reading_ahead_is_told_against_what_wasnt() -> None:
    took = {"nothing": (10.0, 8.0, 9.0), "all, first": (20.0, 18.0, 18.0)}
    done = [warming.Carried("small", by, each) for by, times in took.items() for each in times]
    result = {"seconds": warming.summary(done)}
    assert warming.table(result)[2:] == [
        "| small | nothing | 9.0 | 1.00 x |",
        "| small | all, first | 18.0 | 2.00 x |",
    ]


def test_the_kept_page_of_reading_ahead_is_made_of_the_kept_results() -> None:
    found = (page.DOCS / "benchmarks.md").read_text()
    assert warming.SECTION.filled_in(found, warming.SECTION.kept()) == found
