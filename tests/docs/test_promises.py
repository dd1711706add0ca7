"""Every promise names tests, and each of them is there."""

from __future__ import annotations

import re

from tests.docs.conftest import ROOT

_PAGE = ROOT / "docs" / "promises.md"
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def promises() -> list[str]:
    """The lines of the table of promises."""
    table = _PAGE.read_text().partition("| --- | --- |\n")[2].partition("\n\n")[0]
    return table.splitlines()


def test_each_promise_names_a_test() -> None:
    assert len(promises()) > 8
    assert [line for line in promises() if not _TEST.search(line)] == []


def test_each_test_that_is_named_is_there() -> None:
    named = [found for line in promises() for found in _TEST.findall(line)]
    missing = [
        f"{path}::{name}" for path, name in named if f"def {name}(" not in (ROOT / path).read_text()
    ]
    assert missing == []
