"""The page for the customer."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui import sample
from tests.ui.sheet import tame
from transhume.core.event import Event
from transhume.ui.report import report, report_json

_VOID = {"meta", "br"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; every tag must be closed in its order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.values: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.values += [value or "" for _, value in attrs]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_whole_move_is_told(move: list[Event]) -> None:
    page = Page(report(move, facts={"PostgreSQL": "13.23 → 17.2"}))
    for said in (
        "mail.example.org was moved to a new server",
        "4 min 11 s",
        "9 of 9",
        "1.9 TB",
        "812,304 of 812,304 entries",
        "apt install tzdata-legacy",
        "source# bmctl stop",
        "going back would leave behind what came since",
        "13.23 → 17.2",
        "writes /etc/transhume/closed.nft (mode 0600, root:root)",
    ):
        assert said in page.text


def test_nothing_is_asked_of_the_network(move: list[Event]) -> None:
    text = report(move)
    page = Page(text)
    assert not page.tags & {"script", "link", "img", "iframe", "object", "a", "form", "svg"}
    assert not page.attributes & {"src", "href", "srcset", "action", "onclick"}
    assert "url(" not in text
    assert "http://" not in text
    assert "default-src 'none'" in text


def test_no_body_of_a_file_stands_in_it(move: list[Event]) -> None:
    assert "table inet transhume" not in report(move)
    assert "create database" not in report(move)


def test_hostile_text_stays_text(move: list[Event]) -> None:
    clean, poisoned = Page(report(move)), Page(report(sample.poisoned(move)))
    assert poisoned.tags == clean.tags
    assert poisoned.attributes <= clean.attributes
    assert "<script>alert(1)</script>" in poisoned.text
    assert tame(poisoned.text)
    report(sample.poisoned(move)).encode()


@given(data=st.data())
def test_every_prefix_has_a_page(move: list[Event], data: st.DataObject) -> None:
    events = move[: data.draw(st.integers(0, len(move)))]
    Page(report(events))
    json.dumps(report_json(events))


@pytest.mark.parametrize(
    ("kind", "headline"),
    [
        ("opened", "The move of mail.example.org is being prepared"),
        ("down", "mail.example.org is being moved, and is down at this moment"),
        ("rolled-back", "The move of mail.example.org was taken back: the old server serves"),
    ],
)
def test_the_headline_says_where_the_move_stands(
    move: list[Event], kind: str, headline: str
) -> None:
    end = next(index for index, event in enumerate(move) if event.kind == kind)
    assert headline in Page(report(move[: end + 1], now=sample.BEGAN)).text


def test_an_act_of_another_version_is_shown_as_it_was_written(move: list[Event]) -> None:
    data = {"title": "new", "act": {"kind": "Teleport"}, "back": {"kind": "Recall"}}
    event = Event(999, sample.BEGAN, "change-begun", {**data, "commands": ["target# teleport"]})
    page = Page(report([*move, event]))
    assert "target# teleport" in page.text
    assert "written by another version: Recall" in page.text


def test_programs_get_history_beside_the_status(move: list[Event]) -> None:
    facts = report_json(move)
    assert [walk["outcome"] for walk in facts["walks"]] == ["done", "failed", "done", "done"]
    assert {change["state"] for change in facts["history"]} >= {"done", "undone", "kept"}
    assert facts["history"][-1]["way_back"][0].startswith("none: queued mail")


def test_every_difference_that_is_named_stands_in_the_report_and_the_others_are_pointed_to(
    move: list[Event],
) -> None:
    differing = [f"file{number:03d}: missing on the target" for number in range(30)]
    data = {
        "step": "verify",
        "part": "/var/spool/cyrus",
        "compared": 100,
        "equal": 50,
        "unit": "entries",
        "differing": differing,
        "since": 0,
        "notes": ["x: damaged on the source <already>"],
    }
    page = report([*move, Event(99_999, move[-1].at, "proved", data)])
    assert all(f"<code>{line}</code>" in page for line in differing)
    assert "and 20 more, in differences.txt" in page
    assert "<summary>11 more lines</summary>" in page
    assert "x: damaged on the source &lt;already&gt;" in page
    assert "50 of 100 entries (50 %)" in page


def test_each_command_says_what_it_took(move: list[Event]) -> None:
    text = " ".join(Page(report(move)).text.split())
    assert "What each command took" in text
    for said in (
        "transhume cutover",
        "84.0 MB",
        "46.0 MB",
        "45.0 MB",
        "every check",
        "12.5 s",
        "71.0 MB",
    ):
        assert said in text, said
    told = report_json(move)
    assert told["walks"][-1]["memory"] == sample.MEMORY
    assert [check["seconds"] for check in told["checks"]] == [12.5]


def test_a_journal_of_an_earlier_version_says_nothing_of_memory(move: list[Event]) -> None:
    former = [
        replace(event, data={key: value for key, value in event.data.items() if key != "memory"})
        for event in move
    ]
    text = Page(report(former)).text
    assert "84.0 MB" not in text
    assert "every check" in text


def test_nothing_of_nothing_is_no_percentage(move: list[Event]) -> None:
    proof = {"part": "/empty", "compared": 0, "equal": 0, "unit": "entries", "differing": []}
    text = Page(report([*move, Event(9_999, 1.0, "proved", proof)])).text
    assert "nothing to compare (entries)" in text
    assert "0 of 0" not in text
