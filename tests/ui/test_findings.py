"""Findings on a terminal and as JSON, and what became of the run before."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import memory
from tests.schema import wrong
from tests.ui import sample, stage
from tests.ui.sheet import Sheet, tame
from tests.ui.stage import Stage
from transhume.core.finding import NOTHING, Finding
from transhume.errors import StepFailed
from transhume.ui import findings
from transhume.ui.checking import REMEMBERED, Checked, Made, Remembered, Since, compared
from transhume.ui.words import moment

SCHEMA = Path(__file__).parents[2] / "docs" / "findings.schema.json"
OLD = Finding("rsync-old", "warns", "source", "rsync 3.2: holes", "why", "upgrade")


def seen(found: Sequence[Finding], checks: int = 38, passed: int = 35, **more: Any) -> Checked:
    """What a run of that many checks found."""
    given = {"seconds": 4.1, "made": (), **more}
    return Checked(tuple(found), checks, passed, **given)


def test_the_worst_first_at_80_columns() -> None:
    sheet = Sheet()
    findings.show(sheet, seen(sample.FINDINGS))
    assert sheet.rows == [
        " BLOCKS  timezone-unknown  target",
        "         3 names used by 214 events aren't known here: US/Pacific, US/Eastern,",
        "         Asia/Calcutta",
        "         Restoring the table would lose every event.",
        "         → apt install tzdata-legacy",
        " WARNS   rsync-old         source",
        "         3.2.3: open security holes when root reads folders of others",
        '         → upgrade to 3.5 or newer, or accept: [check] accept = ["rsync-old"]',
        " NOTES   queue             source",
        "         41 messages are queued; they move along",
        " 38 checks: 1 blocks, 1 warns, 1 notes, 35 pass.   4.1 s.   Nothing was changed.",
    ]


def test_a_note_that_asks_for_nothing_is_one_line() -> None:
    """Dozens of them would hide what does ask for something."""
    sheet = Sheet(120)
    idle = Finding("queue", "notes", "source", "5 are queued", "They would be lost.", NOTHING)
    asking = Finding("swap", "notes", "target", "there is none", "", "mkswap /swapfile")
    findings.show(sheet, seen([idle, replace(idle, remedy=f"{NOTHING}: a step"), asking]))
    assert [row.strip() for row in sheet.rows[2:]] == [
        "NOTES  swap   target  there is none",
        "→ mkswap /swapfile",
        "38 checks: 3 notes, 35 pass.   4.1 s.   Nothing was changed.",
        "Why each is noted, and what closes it: transhume check --json",
    ]


def test_side_by_side_where_there_is_room() -> None:
    sheet = Sheet(120)
    findings.show(sheet, seen(sample.FINDINGS, passed=36))
    assert sheet.rows[1].strip() == "Restoring the table would lose every event."
    assert sheet.rows[2].index("→") == sheet.rows[0].index("3 names")
    assert "36 pass" in sheet.rows[-1]


def test_a_clean_check() -> None:
    sheet = Sheet()
    findings.show(sheet, seen([], checks=1, passed=1, seconds=0.2))
    assert sheet.rows == [" 1 check: 1 pass.   0.2 s.   Nothing was changed."]


def test_what_was_solved_and_what_is_new_is_told_last() -> None:
    sheet = Sheet(120)
    since = Since(1795420800.0, (OLD,), tuple(sample.FINDINGS[:1]))
    findings.show(sheet, seen([], since=since))
    at = moment(1795420800.0)
    assert sheet.rows[-2:] == [
        f" solved since {at}: rsync-old (source)",
        f" new since {at}: {sample.FINDINGS[0].key} ({sample.FINDINGS[0].where})",
    ]


def test_checks_that_read_the_data_are_named_when_they_take_long() -> None:
    sheet = Sheet()
    made = (Made("room", "room", True, 90.0, 0), Made("root", "root", False, 0.1, 0))
    findings.show(sheet, seen([], seconds=92.0, made=made))
    assert sheet.rows[-1] == " 1 check read the data: 90.0 s of it."


@pytest.mark.parametrize("width", [40, 80, 120])
def test_hostile_text_stays_text(width: int) -> None:
    sheet = Sheet(width)
    hostile = sample.HOSTILE
    finding = Finding("key", "blocks", "source", hostile, hostile, hostile)
    since = Since(0.0, (finding,), (replace(finding, key=hostile),))
    findings.show(sheet, seen([finding, replace(finding, key=hostile)], since=since))
    assert tame(sheet.text)
    assert "[red]" in sheet.text


def _before(*found: Finding) -> Remembered:
    return Remembered("root@old", 7.0, found)


def test_without_a_run_before_nothing_is_compared() -> None:
    assert compared(None, [OLD]) is None


def test_another_number_is_the_same_finding() -> None:
    later = replace(OLD, seen="rsync 3.4: holes", severity="notes")
    assert compared(_before(OLD), [later]) == Since(7.0, (), ())


@pytest.mark.parametrize("other", [{"where": "target"}, {"key": "x"}, {"seen": "another thing"}])
def test_another_finding_solves_the_first(other: dict[str, Any]) -> None:
    later = replace(OLD, **other)
    assert compared(_before(OLD), [later]) == Since(7.0, (OLD,), (later,))


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Stage]:
    """The command line over two servers in memory, and its journal there as well."""
    with memory.fresh() as folder:
        (tmp_path / "state").symlink_to(folder)
        yield stage.build(tmp_path, monkeypatch, capsys)


def _printed(typed: Stage, status: int = 0) -> dict[str, Any]:
    assert typed.type("check", "--json") == status, typed.err
    told: dict[str, Any] = json.loads(typed.out)
    return told


def test_the_output_is_as_the_published_schema_says(typed: Stage) -> None:
    """Twice, so that there is a run before; once with a check that fails itself."""
    schema = json.loads(SCHEMA.read_text())
    told = [_printed(typed)]
    typed.source.host.held["from pg_prepared_xacts"] = StepFailed("locked")
    told.append(_printed(typed, 10))
    for each in told:
        assert wrong(each, schema) == []
        assert set(each) == set(schema["properties"])
    assert "unknown" in {finding["severity"] for finding in told[1]["findings"]}


@pytest.mark.parametrize(
    "broken",
    [
        *({}, {"checks": True}, {"findings": [{"key": 1}]}, {"seconds": "4"}, {"since": {}}),
        {"findings": [{"key": "k", "severity": "bad", "where": "source", "seen": "x"}]},
    ],
)
def test_the_schema_refuses_what_is_no_output(broken: dict[str, Any]) -> None:
    whole = {"findings": [], "checks": 1, "passed": 1, "seconds": 0.1, "made": [], "since": None}
    schema = json.loads(SCHEMA.read_text())
    assert wrong(whole, schema) == []
    assert wrong({**whole, **broken} if broken else {}, schema) != []


def test_the_next_run_says_what_was_solved(typed: Stage) -> None:
    typed.source.host.said["rsync --version"] = "rsync  version 3.2.3  protocol 31\n"
    assert _printed(typed)["since"] is None
    typed.source.host.said["rsync --version"] = "rsync  version 3.5.0  protocol 32\n"
    typed.source.host.said["sshd -T"] = "maxsessions 2\n"
    since = _printed(typed)["since"]
    assert [finding["key"] for finding in since["solved"]] == ["rsync-old"]
    assert "ssh-sessions" in {finding["key"] for finding in since["new"]}
    assert typed.type("check") == 0
    assert "solved since" not in typed.out


def test_only_its_own_state_folder_is_written(typed: Stage) -> None:
    _printed(typed)
    state = typed.folder / "state"
    assert sorted(path.name for path in state.iterdir()) == [REMEMBERED]
    assert stat.S_IMODE((state / REMEMBERED).stat().st_mode) == 0o600
    assert typed.source.typed == []
    assert typed.target.typed == []


@pytest.mark.parametrize(
    "content",
    [
        *("", "nonsense", "[]", "{}", '{"source": 1, "at": "x", "findings": 3}'),
        '{"source": "x", "at": 1, "findings": [{"key": 1}]}',
    ],
)
def test_a_run_before_that_cant_be_read_is_none(typed: Stage, content: str) -> None:
    (typed.folder / "state" / REMEMBERED).write_text(content)
    assert _printed(typed)["since"] is None


def test_a_run_before_against_another_source_isnt_compared(typed: Stage) -> None:
    _printed(typed)
    settings = typed.settings.read_text().replace("old.example.org", "other.example.org")
    typed.settings.write_text(settings)
    assert _printed(typed)["since"] is None


def test_where_nothing_can_be_kept_that_is_said(typed: Stage) -> None:
    (typed.folder / "state").unlink()
    (typed.folder / "state").write_text("a file\n")
    assert typed.type("check") != 0
    assert "Traceback" not in typed.err
