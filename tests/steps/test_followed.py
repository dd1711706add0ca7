"""What is made of the tracker's word, and of its silence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.machines import RSYNC, manifest
from tests.fakes import FakeHost, pair
from transhume.core.change import Change, Run, Series, SyncPaths, SyncTree, Together
from transhume.core.host import Pair
from transhume.errors import StepFailed
from transhume.steps.follow_trees import FollowTrees, StopFollowing
from transhume.steps.followed import FIRST, FOLDER, Told, asked, asked_at_end, counted, noted
from transhume.steps.manifest import Difference, Entry
from transhume.steps.prove_followed import _missed
from transhume.steps.trees import FinishTrees, SyncTrees, Tree

MAIL, RULES = "/var/spool/cyrus", "/var/spool/bm-core"
TREES = (Tree(MAIL), Tree(RULES, optional=True, churns=True))
HEAD = {"run": "17-4", "seq": 9, "refused": "", "list": "/x"}
MOUNTINFO = b"22 1 8:1 / / rw,noatime shared:1 - ext4 /dev/sda1 rw\n"
ODD = ["#hash", "-dash", "new\nline", "lat\udce9", " lead"]
ODD_BYTES = b"#hash\0-dash\0new\nline\0lat\xe9\0 lead\0"


def _tree(path: str, *paths: str, way: str = "names", **more: Any) -> list[Any]:
    return [{"tree": path, "way": way, "gaps": [], **more}, *paths]


def _two(*told: Any, head: dict[str, Any] = HEAD) -> Pair:
    """The source's tracker says this."""
    source = FakeHost("source", folders={MAIL, RULES}, said={"du -s": "9\t/x\n"})
    source.said["df --block-size=1"] = "Avail\n1000000000\n"
    source.said["readlink -z -m --"] = f"{MAIL}\0{RULES}\0"
    source.printed["changes"] = [json.dumps(line).encode() for line in (head, *told)]
    target = FakeHost("target", said={"rsync -n": RSYNC, "du -s": "9\t/x\n"})
    for host in (source, target):
        host.printed["manifest"] = manifest
        host.files["/proc/self/mountinfo"] = MOUNTINFO
    return pair(source, target)


def _acts(changes: list[Change]) -> list[Any]:
    return [change.act for change in changes]


def test_a_hot_pass_brings_exactly_what_was_told_and_then_says_so() -> None:
    there = _two(*_tree(MAIL, *ODD), *_tree(RULES))
    copied, said, durable = SyncTrees(TREES).run(there)
    assert copied.act == Together((SyncPaths(MAIL, ODD_BYTES),))
    assert said.act == noted(asked(there, "acked"), "acked", [MAIL])
    assert said.places() == {"source"}
    assert durable.act == Run("target", ("sync", "--file-system", MAIL, RULES))


def test_where_nothing_changed_nothing_is_done() -> None:
    there = _two(*_tree(MAIL), *_tree(RULES))
    assert list(SyncTrees(TREES).run(there)) == []
    assert list(FinishTrees(TREES).run(there)) == []


def test_no_name_is_taken_for_a_note_or_an_option() -> None:
    (command,) = SyncPaths(MAIL, ODD_BYTES).commands()
    assert command.input == b"./#hash\0./-dash\0./new\nline\0./lat\xe9\0./ lead\0"


def test_what_vanishes_is_no_error_but_in_the_last_pass() -> None:
    hot, last = (SyncPaths(MAIL, b"a\0", finish=last) for last in (False, True))
    assert [command.ok for act in (hot, last) for command in act.commands()] == [(0, 24), (0,)]


@pytest.mark.parametrize(("reason", "title"), [(FIRST, "copy"), ("it overflowed", "scan")])
def test_a_tree_with_a_gap_is_looked_at_whole_and_the_reason_said(reason: str, title: str) -> None:
    there = _two({"tree": MAIL, "way": "names", "gaps": [reason]}, *_tree(RULES))
    copied, said, _ = SyncTrees(TREES).run(there)
    # What vanished before is in no list to come.
    assert copied.act == SyncTree(MAIL, delete=True)
    assert copied.title.startswith(f"{title} {MAIL}")
    assert (reason in copied.title) == (reason != FIRST)
    assert said.act == noted(asked(there, "acked"), "acked", [MAIL])


@pytest.mark.parametrize("head", [{"problem": "it is silent"}, None])
def test_without_a_tracker_every_tree_is_looked_at_whole(head: dict[str, Any] | None) -> None:
    there = _two(head=head or HEAD)
    if head is None:
        assert isinstance(there.source, FakeHost)
        there.source.printed["changes"] = _failing
    assert asked(there, "rest").problem
    acts = _acts(list(SyncTrees(TREES).run(there)))
    assert acts[:2] == [SyncTree(MAIL), SyncTree(RULES, delete=True)]
    finish, _ = _acts(list(FinishTrees(TREES).run(there)))
    assert finish == Together((SyncTree(MAIL, finish=True), SyncTree(RULES, finish=True)))


def _failing(spec: bytes) -> list[bytes]:
    raise StepFailed("changes on the source: database disk image is malformed")


@pytest.mark.parametrize("name", ["..", "../x", "a/../../x", "/etc/x", "a//b", "", "a\0b", "a/."])
def test_a_name_that_leads_out_of_the_tree_is_no_news(name: str) -> None:
    """What a list says is gone is removed on the target."""
    told = asked(_two(*_tree(MAIL, "good", name)), "acked")
    assert "is in no tree" in told.problem
    assert told.trees == {}


@pytest.mark.parametrize("line", [b"[", b"7", b"[[", b"[" * 9999, b'{"run": 1}', b'"x"', b"\xff"])
def test_what_cant_be_understood_is_no_news(line: bytes) -> None:
    there = _two()
    assert isinstance(there.source, FakeHost)
    there.source.printed["changes"] = [line, b'{"tree": 1}', line]
    assert asked(there, "acked").problem


def test_the_last_pass_walks_only_what_has_a_gap() -> None:
    gap = {"tree": RULES, "way": "names", "gaps": ["its mounts were changed"]}
    finish, _ = _acts(list(FinishTrees(TREES).run(_two(*_tree(MAIL, ".", "a"), gap))))
    assert finish == Together((SyncPaths(MAIL, b".\0a\0", True), SyncTree(RULES, finish=True)))


def test_the_proof_of_the_last_pass_asks_no_tracker_again() -> None:
    """Where the kernel tells nothing, that would walk the tree once more."""
    there = _two(*_tree(MAIL, "a"), *_tree(RULES))
    assert isinstance(there.source, FakeHost)
    finish, told = FinishTrees(TREES), there.source.printed["changes"]
    list(finish.run(there))
    there.source.printed["changes"] = _failing
    assert [proof.compared for proof in finish.verify(there)]
    # Whoever asks later does ask: the whole tree is compared, for nobody tells.
    there.source.printed["changes"] = told
    assert asked_at_end(there)[1] == asked(there, "proved")
    assert next(iter(finish.verify(there))).part == MAIL


@pytest.mark.parametrize("told", [[], [{"problem": "it is silent"}]])
def test_an_answer_that_is_missing_is_no_news(told: list[Any]) -> None:
    there = _two()
    assert isinstance(there.source, FakeHost)
    there.source.printed["changes ask"] = [json.dumps(line).encode() for line in told]
    assert all(each.problem for each in asked_at_end(there))


def test_half_an_answer_leaves_the_proof_unknown() -> None:
    there = _two(*_tree(MAIL, "a"))
    lines = [json.dumps(line).encode() for line in (HEAD, *_tree(MAIL, "a"))]

    class Once(FakeHost):
        def agent(self, name: str, *arguments: str, stdin: bytes = b"") -> Iterator[bytes]:
            yield from lines

    rest, proved = asked_at_end(Pair(Once("source"), there.target))
    assert (rest.problem, proved.problem) == ("", "the tracker said nothing")


def test_a_tree_that_every_server_has_must_still_be_there_at_the_end() -> None:
    there = _two(*_tree(MAIL, way="absent"), *_tree(RULES))
    assert isinstance(there.source, FakeHost)
    there.source.folders.remove(MAIL)
    with pytest.raises(StepFailed, match=f"the source has no {MAIL}"):
        list(FinishTrees(TREES).run(there))


def test_the_lag_is_counted_in_changes_and_paced_by_the_pass_before() -> None:
    quick = _tree(MAIL, count=12, handed=3, seconds=0.9)
    slow = _tree(RULES, count=10, handed=100, seconds=50.0)
    first, second = SyncTrees(TREES).lag(_two(*quick, *slow))
    assert (first.behind, first.unit, first.following) == (12, "changes", True)
    assert first.seconds == pytest.approx(0.06)
    assert second.seconds == pytest.approx(4.8)


def test_a_pass_of_few_paths_that_took_its_time_doesnt_make_each_of_them_slow() -> None:
    busy = _tree(MAIL, count=28, handed=1, seconds=4.25)
    (lag,) = SyncTrees(TREES[:1]).lag(_two(*busy))
    assert lag.seconds is not None
    assert lag.seconds < 2


def test_the_tracker_is_put_there_once_and_started_again_when_it_is_silent() -> None:
    there = _two(head={"problem": "it is silent"})
    step = FollowTrees(TREES)
    put, start = step.run(there)
    assert isinstance(put.act, Series)
    assert isinstance(there.source, FakeHost)
    for act in put.act.acts[1:]:
        there.source.files[act.path] = act.content  # type: ignore[union-attr]
    assert _acts(list(step.run(there))) == [start.act]
    (finding,) = step.verify(there)
    assert (finding.key, finding.seen) == ("not-followed", "it is silent")
    answering = _two(*_tree(MAIL), *_tree(RULES))
    assert isinstance(answering.source, FakeHost)
    answering.source.files |= there.source.files
    assert (list(step.run(answering)), list(step.verify(answering))) == ([], [])


def test_a_tracker_of_other_trees_is_started_anew() -> None:
    (finding,) = FollowTrees(TREES).verify(_two(*_tree(MAIL)))
    assert finding.seen == "the tracker follows other trees"


def test_on_a_full_disk_nothing_is_started_and_the_move_lets_go_of_what_else_it_keeps() -> None:
    there = _two(head={"problem": "it is silent"})
    assert isinstance(there.source, FakeHost)
    there.source.said["df --block-size=1"] = "Avail\n4096\n"
    assert list(FollowTrees(TREES).run(there)) == []
    (finding,) = FollowTrees(TREES).verify(there)
    assert (finding.severity, finding.seen) == ("warns", "it is silent")
    assert finding.remedy.startswith("make room on the source under /var/lib")
    titles = [change.title for change in SyncTrees(TREES).run(there)]
    assert titles[0] == f"scan {MAIL}: it is silent"


def test_nothing_is_left_of_it() -> None:
    there = _two()
    assert list(StopFollowing().run(there)) == []
    assert isinstance(there.source, FakeHost)
    there.source.files[f"{FOLDER}/tracker.py"] = b""
    assert [finding.key for finding in StopFollowing().verify(there)] == ["left-over"]
    (change,) = StopFollowing().run(there)
    assert [str(command) for command in change.act.commands()][-1] == f"rm -rf -- {FOLDER}"


def test_what_differs_without_having_been_told_is_known() -> None:
    news = asked(_two(*_tree(MAIL, "a/new", "gone", "kept")), "acked").of(MAIL)
    there, lacking = Entry(b"f"), None
    differing = [
        Difference(".", there, there),
        Difference("a", there, there),  # its time follows what was put in
        Difference("a/new", there, lacking),
        Difference("a/silent", there, lacking),
        Difference("gone/below", lacking, there),
        Difference("kept/below", there, lacking),
    ]
    assert _missed(differing, news) == ["a/silent", "kept/below"]
    assert _missed(differing, None) == []


def test_counting_asks_for_no_paths() -> None:
    there = _two(*_tree(MAIL, count=3, handed=1, seconds=2.0, proved=True))
    assert counted(there).trees[MAIL].count == 3
    assert Told().of(MAIL) is None
