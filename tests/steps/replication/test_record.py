"""What is noted of a database: whatever its name, and never forgotten by a second attempt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import FakeHost
from tests.steps.replication.servers import FOLDER, noted
from transhume.core.change import RemoveFile, WriteFile
from transhume.errors import StepFailed
from transhume.steps.replication.identity import Identity
from transhume.steps.replication.record import Record, Shelf

SHELF = Shelf(FOLDER)
_names = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1)


@given(_names)
def test_no_name_leaves_the_folder(name: str) -> None:
    inside = SHELF.path(name).removeprefix(f"{FOLDER}/")
    assert "/" not in inside
    assert inside not in (".", "..")


def test_what_was_written_is_read() -> None:
    record = Record("follow", "0/10", "ab12", (Identity("public", "é", "i", "k"),))
    act = SHELF.put("bj", record)
    assert isinstance(act, WriteFile)
    assert noted(act.content) == record
    host = FakeHost("target", {act.path: act.content})
    assert SHELF.get(host, "bj") == record
    assert SHELF.get(host, "other") is None


def test_the_first_identity_that_was_seen_is_the_tables_own() -> None:
    """After a kill the table shows what the killed run gave it."""
    first = Record("follow").knowing((Identity("public", "t", "d"),))
    again = first.knowing((Identity("public", "t", "f"), Identity("public", "u", "n")))
    assert again.identities == (Identity("public", "t", "d"), Identity("public", "u", "n"))


def test_the_way_back_is_what_was_noted_before() -> None:
    assert SHELF.back("bj", None) == RemoveFile("target", f"{FOLDER}/bj.json")
    assert SHELF.back("bj", Record("dump")) == SHELF.put("bj", Record("dump"))


@pytest.mark.parametrize("content", [b"", b"[]", b'{"how": "follow"}', b'{"identities": [{}]}'])
def test_a_damaged_note_is_told(content: bytes) -> None:
    host = FakeHost("target", {f"{FOLDER}/bj.json": content})
    with pytest.raises(StepFailed, match="isn't what was written"):
        SHELF.get(host, "bj")
