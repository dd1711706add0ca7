"""What following and the way back cost, how soon databases are there: medians and their pages."""

from __future__ import annotations

from typing import Any

import pytest

from lab.bench import (
    back,
    back_page,
    database,
    database_page,
    deliver,
    page,
    tracking,
    tracking_page,
)
from lab.bench.back import Switch, Trip
from lab.bench.database import Ready
from lab.bench.section import Section
from lab.bench.tracking import Delivered
from lab.shell import LabError
from lab.traffic import Outage

_ON = {
    "size": "S",
    "at": "2026-11-23",
    "command": "python -m lab.bench.it S",
    "rounds": 3,
    "machine": {"cores": 2, "memory_gib": 24, "load_before": 0.1},
}


def _tracking() -> dict[str, Any]:
    rates = {"nothing": (50.0, 40.0, 10.0), "trees": (38.0, 39.0, 60.0)}
    runs = [Delivered(name, rate, 20.0) for name, each in rates.items() for rate in each]
    runs.append(Delivered("everything", 30.0, 21.0, 21.5, 0.4))
    return {**_ON, "messages": 600, **tracking.summary(runs)}


def _database() -> dict[str, Any]:
    runs = [Ready("documented", seconds, 9, 50.0) for seconds in (30.0, 90.0, 40.0)]
    runs += [Ready("pgcopydb", 5.0, 8, 60.5), Ready("transhume", 16.0, 9, 30.0)]
    return {**_ON, **database.summary(runs, 9)}


def _back() -> dict[str, Any]:
    trips = [
        Trip(
            tuple(Switch(way, seconds, 4.0) for way in back.SWITCHES),
            10,
            missing,
            0,
            ("row x",) * missing,
        )
        for seconds, missing in ((6.0, 0), (9.0, 1), (7.5, 0))
    ]
    return {**_ON, **back.summary(trips)}


def test_what_following_costs_is_told_against_nothing_followed() -> None:
    found = _tracking()
    assert found["deliveries_per_second"] == {"nothing": 40.0, "trees": 39.0, "everything": 30.0}
    assert found["percent_less"] == {"trees": 2.5, "everything": 25.0}
    assert found["percent_more"] == {"trees": 0.0, "everything": 5.0}
    assert found["tracker_mib"] == 21.5


def test_a_copy_that_lacks_rows_is_told_beside_its_seconds() -> None:
    found = _database()
    assert found["seconds"] == {"documented": 40.0, "pgcopydb": 5.0, "transhume": 16.0}
    assert found["sooner"] == {"documented": 2.5, "pgcopydb": 0.31}
    assert found["copied"] == {"documented": 9, "pgcopydb": 8, "transhume": 9}


def test_a_trip_with_something_missing_is_told_as_such() -> None:
    found = _back()
    assert found["downtime_seconds"] == dict.fromkeys(back.SWITCHES, 7.5)
    assert found["overhead_seconds"] == dict.fromkeys(back.SWITCHES, 3.5)
    assert (found["messages_missing"], found["differences"]) == (1, ["row x"])


def test_a_switch_is_charged_with_its_own_outage_only() -> None:
    outages = [Outage("smtp", ((10.0, 12.0), (50.0, 59.0)), 9), Outage("web", ((10.5, 13.0),), 9)]
    assert back.longest(outages, 9.0, 40.0) == 2.5
    assert back.longest(outages, 45.0, 55.0) == 9.0
    with pytest.raises(LabError, match="saw no outage"):
        back.longest(outages, 20.0, 40.0)


def _filled(section: Section, result: dict[str, Any]) -> str:
    text = f"before\n{section.begin}\nold\n{section.end}\nafter\n"
    found = section.filled_in(text, [result])
    assert found.startswith("before\n")
    assert found.endswith("after\n")
    assert "old" not in found
    return found


def test_the_pages_are_what_was_measured() -> None:
    costs = _filled(tracking_page.SECTION, _tracking())
    assert "| everything | 30.0 | 25.0 | 21.0 | 5.0 | 0.4 |" in costs
    assert "21.5 MiB" in costs
    soon = _filled(database_page.SECTION, _database())
    assert "| documented | 40.0 | 50.0 | 9 | 2.5 x |" in soon
    assert "| pgcopydb | 5.0 | 60.5 | 8 | 0.31 x |" in soon
    way = _filled(back_page.SECTION, _back())
    assert "| there again | 7.5 | 3.5 |" in way
    assert "1 are missing, 0 doubled; 1 differences" in way


def test_the_kept_pages_are_made_of_the_kept_results() -> None:
    found = (page.DOCS / "benchmarks.md").read_text()
    for section in (tracking_page.SECTION, database_page.SECTION, back_page.SECTION):
        assert section.begin in found
        assert section.filled_in(found, section.kept()) == found


def test_each_recipient_gets_its_part() -> None:
    sent = deliver.letters("run", 5, ["a@x", "b@x"])
    assert [each.recipient for each in sent] == ["a@x", "b@x", "a@x", "b@x", "a@x"]
    assert len({each.marker for each in sent}) == 5
