"""When a tree is carried over several connections, and when rsync alone is as good."""

from __future__ import annotations

import pytest

from tests.fakes import Answer, FakeHost, pair
from transhume.core.change import SeedTree
from transhume.core.host import Pair
from transhume.steps.bulk import first_copy, seeding

_DU = "du -s --apparent-size --block-size=1"
_MIB = 1 << 20


def _two(there: int | str, here: int | str) -> Pair:
    def said(size: int | str) -> dict[str, Answer]:
        return {_DU: 1 if size == "" else f"{size}\t/x\n"}

    return pair(FakeHost("source", said=said(there)), FakeHost("target", said=said(here)))


@pytest.mark.parametrize(
    ("there", "here", "expected"),
    [
        (900 * _MIB, 4096, 900 * _MIB - 4096),
        (900 * _MIB, "", 900 * _MIB),
        (900 * _MIB, 300 * _MIB, 600 * _MIB),
        (900 * _MIB, 600 * _MIB, None),
        (10 * _MIB, "", None),
        ("", "", None),
    ],
    ids=["empty", "not there", "begun", "mostly there", "small", "not on the source"],
)
def test_only_what_is_large_and_hardly_there_is_carried(
    there: int, here: int, expected: int | None
) -> None:
    acts = [change.act for change in first_copy(_two(there, here), "/x")]
    assert acts == ([] if expected is None else [seeding("/x", expected)])


def test_the_programs_come_on_the_input_and_are_in_no_argument() -> None:
    act = seeding("/var/spool/it's odd", 1)
    assert isinstance(act, SeedTree)
    first = int(act.lane[4])
    assert act.programs[:first].startswith(b'"""Write what send.py sends')
    assert act.programs[first:].startswith(b'"""Send the files of one tree')
    assert len(" ".join(act.lane)) < 1000
    assert act.lane[-1] == "/var/spool/it's odd"
