"""Whatever happens to a tree while it is followed, the paths that were told make the copy equal."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePath

import pytest

from tests.agent.following import Following, following
from tests.agent.mischief import Mischief, links
from transhume.agent import changes
from transhume.steps.followed import FIRST

pytestmark = [
    pytest.mark.programs(PurePath(sys.executable).name, "rsync"),
    pytest.mark.skipif(os.geteuid() != 0, reason="the kernel tells only root"),
]


@pytest.fixture(params=["names", "folders", "scan"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Following]:
    """A tree that is followed in each of the ways."""
    with following(tmp_path, request.param) as made:
        way = made.ask()[1]["way"]
        if way != request.param:
            pytest.skip(f"the kernel refuses to tell {request.param}")
        yield made


@pytest.mark.parametrize("seed", range(2))
def test_a_tree_that_never_rests_arrives(tree: Following, seed: int) -> None:
    mischief = Mischief(tree.source, seed)
    mischief.work(100)
    if tree.ask()[1]["way"] != "names":
        # A scan doesn't see what comes and goes during the pass that copies all.
        tree.catch_up()
    worker = threading.Thread(target=mischief.work, args=(400,))
    worker.start()
    for _ in range(4):
        tree.catch_up()
    worker.join()
    tree.catch_up()
    tree.catch_up("rest")
    assert tree.differences() == []
    assert links(tree.source) == links(tree.target)
    assert set(tree.gaps) == {FIRST}


def test_the_clock_is_set_while_a_tree_is_followed(tree: Following) -> None:
    """The kernel's clock is everybody's here: it is the asking program's that is wrong.

    Behind, all change times lie ahead of it; it is right again, and then far ahead.
    """
    mischief = Mischief(tree.source, 3)
    for ahead in (0.0, -7200.0, 0.0, 7200.0):
        tree.ahead = ahead
        mischief.work(60)
        tree.catch_up()
    tree.catch_up("rest")
    assert tree.differences() == []
    assert links(tree.source) == links(tree.target)
    assert set(tree.gaps) == {FIRST}


@pytest.mark.parametrize("ahead", [-7200.0, 7200.0])
def test_a_pass_takes_no_hours_because_the_clock_was_set(tree: Following, ahead: float) -> None:
    tree.catch_up()
    (tree.source / "new").write_text("new")
    head, _, _ = tree.ask()
    tree.ahead = ahead
    tree.note("acked", head)
    told = tree.changes("count", str(tree.kept))[1]
    assert 0.0 <= told["seconds"] < 3600.0


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Following]:
    """A tree that the kernel follows and that was copied."""
    with following(tmp_path) as made:
        if made.ask()[1]["way"] != "names":
            pytest.skip("the kernel refuses to tell names")
        (made.source / "old").write_text("old")
        (made.source / "folder").mkdir()
        made.catch_up()
        yield made


def test_nothing_is_told_twice_once_it_was_noted(followed: Following) -> None:
    (followed.source / "new").write_text("new")
    head, _, told = followed.ask()
    assert told == ["new"]
    assert followed.ask()[2] == told, "it wasn't noted yet"
    (followed.source / "new").write_text("newer")
    followed.note("acked", head)
    assert followed.ask()[2] == told, "it changed again after it was told"
    followed.catch_up()
    assert followed.ask()[2] == []


def test_another_runs_note_counts_for_nothing(followed: Following) -> None:
    head, _, _ = followed.ask()
    followed.stop()
    followed.start()
    followed.note("acked", head)
    assert followed.ask()[1]["gaps"] == ["the tracker was ended and began anew"]


def test_what_is_told_since_the_proof_stays_until_the_next_one(followed: Following) -> None:
    assert followed.ask("proved")[1]["gaps"] == ["it wasn't proved yet"]
    followed.note("proved", followed.ask()[0])
    (followed.source / "one").write_text("1")
    followed.catch_up()
    assert followed.ask("proved")[2] == [".", "one"]
    followed.note("proved", followed.ask()[0])
    assert followed.ask("proved")[2] == ["."]


def _kept(tree: Following) -> int:
    """How many paths the list holds."""
    with closing(sqlite3.connect(tree.ask()[0]["list"])) as book:
        return int(book.execute("select count(*) from changed where path <> x''").fetchone()[0])


def test_what_was_copied_leaves_the_list_though_nothing_was_proved_yet(tree: Following) -> None:
    """For weeks of hot passes nothing is; the list would fill the source's disk."""
    tree.catch_up()
    for number in range(50):
        (tree.source / f"new{number}").write_text("new")
    assert len(tree.catch_up()) == 50
    # What a scan didn't see come and go is known from all that was ever told.
    assert _kept(tree) == (0 if tree.ask()[1]["way"] == "names" else 50)
    (tree.source / "new7").unlink()
    tree.catch_up("rest")
    assert tree.differences() == []


def test_a_proof_that_counts_no_more_keeps_nothing(followed: Following) -> None:
    followed.note("proved", followed.ask()[0])
    (followed.source / "one").write_text("1")
    followed.catch_up()
    assert _kept(followed) == 1
    followed.source.rename(followed.source.with_name("former"))
    followed.source.mkdir()
    (followed.source / "two").write_text("2")
    followed.catch_up()
    assert _kept(followed) == 0


def test_it_is_told_whether_the_proof_counts_and_what_came_since(followed: Following) -> None:
    def counted() -> tuple[bool, int]:
        told = followed.changes("count", str(followed.kept))[1]
        return told["proved"], told["open"]

    assert not counted()[0]
    followed.note("proved", followed.ask()[0])
    (followed.source / "one").write_text("1")
    followed.catch_up()
    assert counted() == (True, 1)
    followed.source.rename(followed.source.with_name("former"))
    followed.source.mkdir()
    followed.catch_up()
    assert not counted()[0]


def test_how_much_a_pass_brought_is_told_of_the_pass_alone(followed: Following) -> None:
    followed.catch_up()
    for name in "abc":
        (followed.source / name).touch()
    followed.catch_up()
    (followed.source / "d").touch()
    followed.ask()
    _, told = followed.changes("count", str(followed.kept))
    assert (told["handed"], told["count"]) == (3, 1)


def test_both_questions_are_answered_as_of_one_moment(followed: Following) -> None:
    followed.note("proved", followed.ask()[0])
    (followed.source / "one").write_text("1")
    followed.catch_up()
    (followed.source / "two").write_text("2")
    said = followed.changes("ask", str(followed.kept), "rest", "proved")
    heads = [at for at, line in enumerate(said) if "seq" in line]
    rest, proved = said[: heads[1]], said[heads[1] :]
    assert rest[0] == proved[0]
    assert [line for line in rest[2:] if line != "."] in (["two"], ["one", "two"])
    assert proved[2:] == [".", "one", "two"]
    # Scanning for the second would find nothing: what changed is in the list by now.
    assert followed.ask("proved")[2] == proved[2:]


def test_what_wasnt_copied_when_all_was_compared_is_still_to_be_proved(followed: Following) -> None:
    (followed.source / "one").write_text("1")
    followed.note("proved", followed.ask()[0])
    followed.catch_up()
    assert followed.ask("proved")[2] == [".", "one"]


def test_one_that_is_stopped_is_silent_and_goes_on_with_all_it_missed(
    followed: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.kill(followed.pid, signal.SIGSTOP)
    for number in range(100):
        (followed.source / f"new{number}").write_text("new")
    monkeypatch.setattr(changes, "ANSWER_SECONDS", 0.2)
    with pytest.raises(changes.Silent):
        changes.closed(str(followed.kept))
    os.kill(followed.pid, signal.SIGCONT)
    assert len(followed.ask()[2]) == 100


def test_a_tree_that_is_another_one_now_is_a_gap(followed: Following) -> None:
    followed.source.rename(followed.source.with_name("former"))
    followed.source.mkdir()
    (followed.source / "other").write_text("other")
    assert followed.ask()[1]["gaps"] == ["its mounts or its folder were changed"]
    followed.catch_up()
    followed.catch_up("rest")
    assert followed.differences() == []


def test_a_damaged_list_is_no_empty_list(followed: Following) -> None:
    head, _, _ = followed.ask()
    for path in (Path(head["list"]), Path(f"{head['list']}-wal")):
        path.write_bytes(b"damaged" * 1000)
    (told,) = followed.changes("ask", str(followed.kept), "acked")
    assert "the tracker doesn't answer" in told["problem"]
    followed.stop()
    followed.start()
    assert followed.ask()[1]["gaps"] == ["the tracker was ended and began anew"]


def test_what_came_with_a_folder_is_told_and_all_names_of_a_file(followed: Following) -> None:
    outside = followed.source.with_name("outside")
    outside.mkdir()
    (outside / "in").write_text("in")
    (outside / "deep").mkdir()
    (outside / "deep" / "er").write_text("er")
    outside.rename(followed.source / "came")
    (followed.source / "second").hardlink_to(followed.source / "old")
    told = followed.ask()[2]
    assert told == ["came", "came/deep", "came/deep/er", "came/in", "old", "second"]


def test_of_what_vanished_the_topmost_is_told(followed: Following) -> None:
    (followed.source / "folder" / "a").mkdir()
    (followed.source / "folder" / "a" / "b").write_text("b")
    followed.catch_up()
    shutil.rmtree(followed.source / "folder")
    assert followed.ask()[2] == ["folder"]


@pytest.mark.parametrize("ahead", [3600, 0, -1])
def test_a_change_time_that_cannot_be_believed_is_no_mark(tmp_path: Path, ahead: int) -> None:
    """The clock was put back, or it hasn't moved on since: the next scan tells the file again."""
    path = tmp_path / "file"
    path.write_text("x")
    there = path.stat()
    assert changes.mark(there, there.st_ctime_ns - ahead * 10**9) == changes.NEVER
    assert changes.mark(there, there.st_ctime_ns + 3 * 10**9) != changes.NEVER
