"""Progress out of what rsync 3.5 and PostgreSQL 15 really print."""

from __future__ import annotations

import re

import pytest

from transhume.core.change import Act, DumpDatabase, RestoreDatabase, Run, SyncTree
from transhume.core.event import Progress
from transhume.engine.meters import meter

RSYNC = (
    "\r              0   0%    0.00kB/s    0:00:00 (xfr#1, to-chk=10/12)"
    "\r          32768   0%    0.00kB/s    0:00:00  "
    "\r        3000000  24%    8.84MB/s    0:00:00 (xfr#3, to-chk=7/12)"
    "\r        8719744  72%    7.82MB/s    0:00:00  "
    "\r        9000000  74%    8.06MB/s    0:00:01 (xfr#9, to-chk=0/12)\n"
)
DUMP = """\
pg_dump: last built-in OID is 16383
pg_dump: reading user-defined tables
pg_dump: saving database definition
pg_dump: dumping contents of table "public.b"
pg_dump: finished item 3365 TABLE DATA b
pg_dump: dumping contents of table "public.odd "name"
pg_dump: finished item 3366 TABLE DATA odd "name
"""
DUMP_ALONE = """\
pg_dump: saving database definition
pg_dump: dumping contents of table "public.b"
pg_dump: dumping contents of table "public.odd "name"
"""
# Of these entries: FUNCTION, TABLE, TABLE DATA, SEQUENCE SET, INDEX.
RESTORE = """\
pg_restore: connecting to database for restore
pg_restore: processing item 3370 ENCODING ENCODING
pg_restore: processing item 3371 STDSTRINGS STDSTRINGS
pg_restore: processing item 3372 SEARCHPATH SEARCHPATH
pg_restore: processing item 3373 DATABASE bj
pg_restore: processing item 220 FUNCTION f()
pg_restore: creating FUNCTION "public.f()"
pg_restore: processing item 215 TABLE a
pg_restore: creating TABLE "public.a"
pg_restore: entering main parallel loop
pg_restore: launching item 3364 TABLE DATA a
pg_restore: processing data for table "public.a"
pg_restore: finished item 3364 TABLE DATA a
pg_restore: launching item 3375 SEQUENCE SET a_id_seq
pg_restore: executing SEQUENCE SET a_id_seq
pg_restore: finished item 3375 SEQUENCE SET a_id_seq
pg_restore: launching item 3218 INDEX b_k_idx
pg_restore: creating INDEX "public.b_k_idx"
pg_restore: finished item 3218 INDEX b_k_idx
pg_restore: finished main parallel loop
"""
RESTORE_ALONE = """\
pg_restore: connecting to database for restore
pg_restore: creating FUNCTION "public.f()"
pg_restore: creating TABLE "public.a"
pg_restore: processing data for table "public.a"
pg_restore: executing SEQUENCE SET a_id_seq
pg_restore: creating INDEX "public.b_k_idx"
"""


def _heard(act: Act, printed: str) -> list[Progress]:
    read = meter(act)
    seen = [read(line) for line in re.split("[\r\n]+", printed)]
    return [progress for progress in seen if progress is not None]


def test_rsync_tells_bytes() -> None:
    seen = _heard(SyncTree("/x", expected=12_000_000), RSYNC)
    assert [each.done for each in seen] == [0, 32768, 3000000, 8719744, 9000000]
    assert {(each.part, each.total, each.unit) for each in seen} == {("/x", 12_000_000, "bytes")}


def test_more_bytes_than_expected_raise_the_total() -> None:
    assert _heard(SyncTree("/x", expected=100), RSYNC)[-1] == Progress(
        "/x", 9000000, 9000000, "bytes"
    )


def test_without_an_expectation_nobody_knows_the_total() -> None:
    assert _heard(SyncTree("/x"), RSYNC)[-1].total == 0


@pytest.mark.parametrize(("jobs", "printed"), [(2, DUMP), (1, DUMP_ALONE)])
def test_a_dump_tells_each_table_once(jobs: int, printed: str) -> None:
    seen = _heard(DumpDatabase("bj", "/d", jobs, "1", 2), printed)
    assert seen == [Progress("bj", 1, 2, "tables"), Progress("bj", 2, 2, "tables")]


@pytest.mark.parametrize(("jobs", "printed"), [(2, RESTORE), (1, RESTORE_ALONE)])
def test_a_restore_tells_each_entry_once(jobs: int, printed: str) -> None:
    seen = _heard(RestoreDatabase("bj", "/d", jobs, 5), printed)
    assert [each.done for each in seen] == [1, 2, 3, 4, 5]
    assert {(each.part, each.total, each.unit) for each in seen} == {("bj", 5, "entries")}


def test_more_entries_than_listed_dont_go_beyond_the_end() -> None:
    seen = _heard(RestoreDatabase("bj", "/d", 2, 3), RESTORE)
    assert seen[-1] == Progress("bj", 3, 3, "entries")


def test_each_act_counts_for_itself() -> None:
    act = DumpDatabase("bj", "/d", 2, "1", 2)
    assert _heard(act, DUMP) == _heard(act, DUMP)


@pytest.mark.parametrize("line", ["", "sending incremental file list", "deleting 12 34%", "12%"])
def test_other_lines_tell_nothing(line: str) -> None:
    for act in (SyncTree("/x"), DumpDatabase("bj", "/d", 2, "1"), Run("target", ("true",))):
        assert meter(act)(line) is None
