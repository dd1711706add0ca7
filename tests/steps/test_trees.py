"""What rsync really says of two trees, and what a step makes of it."""

from __future__ import annotations

import pytest

from tests.contract.machines import manifest
from tests.fakes import FakeHost, pair
from transhume.core.change import Run, SyncTree, Together
from transhume.core.host import Output, Pair
from transhume.errors import StepFailed
from transhume.steps.trees import FinishTrees, SyncTrees, Tree, compare, existing

# As rsync 3.5 prints them with LC_ALL=C.UTF-8, from names that were made to be odd.
STATS = (
    "\nNumber of files: 1,012 (reg: 1,010, dir: 1, link: 1)\n"
    "Number of created files: 11 (reg: 10, link: 1)\n"
    "Number of deleted files: 2 (reg: 1, dir: 1)\n"
    "Number of regular files transferred: 9\n"
    "Total file size: 12,000,002 bytes\n"
    "Total transferred file size: 9,000,000 bytes\n"
    "Literal data: 0 bytes\n"
)
LINES = [
    ">f+++++++++  lead",
    ">f+++++++++ Number of files: 7 x",
    "hf+++++++++ f1",
    ">f+++++++++ lat\\#351",
    "cL+++++++++ lnk",
    ">f+++++++++ nel\x85x",
    ">f+++++++++ par\u2028sep",
    ">f+++++++++ we\\#012ird",
    "*deleting   gonedir/",
    ".f...p..... mode",
]
TREES = (Tree("/var/spool/cyrus"), Tree("/var/spool/bm-core", optional=True, churns=True))


def _two(printed: str | Output, *folders: str) -> Pair:
    # Nothing that would be worth another connection than rsync's.
    source = FakeHost("source", folders={tree.path for tree in TREES}, said={"du -s": "9\t/x\n"})
    source.printed["changes"] = [b'{"problem": "the tracker does not answer"}']
    if folders:
        source.folders = set(folders)
    return pair(source, FakeHost("target", said={"rsync -n": printed, "du -s": "9\t/x\n"}))


def test_every_difference_is_one_line_whatever_its_name_is() -> None:
    lack = compare(_two("\n".join(LINES) + "\n" + STATS), SyncTree("/x"))
    assert lack.differing == tuple(LINES)
    assert (lack.files, lack.lacking, lack.total) == (1012, 9_000_000, 12_000_002)


def test_a_comparison_that_fails_says_nothing() -> None:
    failed = Output(23, STATS.encode(), b"rsync: opendir failed\nrsync error: some files\n")
    with pytest.raises(StepFailed, match="status 23"):
        compare(_two(failed), SyncTree("/x"))


@pytest.mark.parametrize("lines", range(STATS.count("\n") - 1))
def test_an_account_that_is_cut_off_doesnt_say_that_nothing_lacks(lines: int) -> None:
    with pytest.raises(StepFailed, match="rsync's account lacks"):
        compare(_two("".join(STATS.splitlines(keepends=True)[:lines])), SyncTree("/x"))


def test_comparing_looks_for_what_is_too_much_and_writes_nothing() -> None:
    there = _two(STATS)
    compare(there, SyncTree("/x", contents=True))
    assert isinstance(there.target, FakeHost)
    (asked,) = there.target.asked
    assert {"-n", "--delete-delay", "--checksum"} <= set(asked)


def test_a_tree_that_every_server_has_must_be_there() -> None:
    with pytest.raises(StepFailed, match="the source has no /var/spool/cyrus"):
        existing(_two(STATS, "/var/spool/bm-core"), TREES)


def test_a_tree_that_not_every_server_has_may_be_missing() -> None:
    assert existing(_two(STATS, "/var/spool/cyrus"), TREES) == [TREES[0]]


def test_a_hot_pass_deletes_only_where_files_come_and_go() -> None:
    *copies, durable = (change.act for change in SyncTrees(TREES).run(_two(STATS)))
    assert copies == [
        SyncTree("/var/spool/cyrus", expected=9_000_000),
        SyncTree("/var/spool/bm-core", delete=True, expected=9_000_000),
    ]
    # A file that vanishes while people work is daily bread: rsync's status 24.
    assert [command.ok for command in copies[0].commands()] == [(0,), (0, 24)]
    assert durable == Run("target", ("sync", "--file-system", *(tree.path for tree in TREES)))


def test_the_last_pass_deletes_everywhere_and_lets_nothing_vanish() -> None:
    act = next(iter(FinishTrees(TREES).run(_two(STATS)))).act
    assert isinstance(act, Together)
    rsyncs = [command for command in act.commands() if command.argv[0] == "rsync"]
    assert all(command.ok == (0,) for command in rsyncs)
    assert all("--delete-delay" in command.argv for command in rsyncs)


def test_the_last_pass_is_proved_tree_by_tree() -> None:
    there = _two(STATS)
    for host in (there.source, there.target):
        assert isinstance(host, FakeHost)
        host.printed["manifest"] = manifest
    (first, second) = FinishTrees(TREES).verify(there)
    assert (first.part, second.part) == tuple(tree.path for tree in TREES)
    assert first.whole
    assert second.whole
