"""The page on security names whatever the move puts on a machine."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
_PUT = re.compile(r"transhume-[a-z-]+\.service|/(?:etc|run|var/lib)/transhume[a-z-]*")


def _put() -> set[str]:
    texts = (path.read_text() for path in (ROOT / "src").rglob("*.py"))
    return {found for text in texts for found in _PUT.findall(text)}


def test_every_unit_and_folder_of_the_move_is_named() -> None:
    assert {"transhume-tracker.service", "/run/transhume-follow"} <= _put()
    assert sorted(name for name in _put() if f"`{name}" not in PAGE) == []


def test_the_tests_that_it_names_are_there() -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", PAGE)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
