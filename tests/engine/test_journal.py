"""The journal: whose it is, who may hold it, and that damage is told and never believed."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests import memory
from tests.engine.toy import ALL, IDENTITY, Move, begun
from transhume.core.event import Event, Kind, Progress
from transhume.engine import state
from transhume.engine.journal import FILE, Journal, alone, read
from transhume.errors import Busy, JournalRefused, StepFailed


def test_what_was_written_is_read_by_others_while_it_is_open(folder: Path) -> None:
    with Journal(folder) as journal:
        first = journal.write("walk-begun", command="sync", version="1")
        journal.progress(Progress("/var/spool/cyrus", 3, 10, "bytes"))
        journal.progress(Progress("/var/spool/cyrus", 4, 10, "bytes"))
        events, progress = read(folder)
    assert events == [first]
    assert [part for part, _ in progress] == [Progress("/var/spool/cyrus", 4, 10, "bytes")]


def test_the_listener_hears_of_what_is_on_disk(folder: Path) -> None:
    heard: list[tuple[Event, list[Event]]] = []
    with Journal(folder, lambda event: heard.append((event, read(folder)[0]))) as journal:
        journal.write("down")
    assert heard == [(heard[0][0], [heard[0][0]])]


def test_the_disk_is_waited_for_before_anything_is_done(folder: Path) -> None:
    """What may be lost in a power failure is only what nothing was done after."""
    typed: list[str] = []
    with Journal(folder) as journal:
        journal._database.set_trace_callback(typed.append)
        journal.write("step-begun", step="a", title="a", phase="sync", rows=[])
        journal.progress(Progress("a", 1, 2, "bytes"))
        journal.write("down")
        journal.write("change-done", change=1, seconds=1.0)
    words = ["soon" if "normal" in each else each.split()[0] for each in typed]
    assert words == ["soon", "insert", "pragma", "soon", "insert", "pragma", "insert", "insert"]


@pytest.mark.parametrize("kind", get_args(Kind))
def test_whatever_was_written_the_next_is_waited_for(folder: Path, kind: Kind) -> None:
    with Journal(folder) as journal:
        journal.write(kind)
        assert journal._database.execute("pragma synchronous").fetchone() == (2,)


def test_a_journal_that_others_may_write_is_refused(tmp_path: Path) -> None:
    """Its ways back are typed as root."""
    with Journal(tmp_path) as journal:
        journal.write("down")
    tmp_path.chmod(0o777)
    for look in (Journal, read):
        with pytest.raises(JournalRefused, match=f"others than root may write {tmp_path}, and"):
            look(tmp_path)
    tmp_path.chmod(0o700)
    (tmp_path / FILE).chmod(0o606)
    with pytest.raises(JournalRefused, match="others than root may write"):
        read(tmp_path)


def test_everything_in_the_folder_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with Journal(folder) as journal:
        journal.write("down")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("name", ["50%41 off", "a?mode=memory", "a#b", "it's"])
def test_the_name_of_its_folder_is_taken_as_it_is(folder: Path, name: str) -> None:
    with Journal(folder / name) as journal:
        journal.write("down")
    assert (folder / name / FILE).stat().st_size > 0
    assert [event.kind for event in read(folder / name)[0]] == ["down"]


def test_odd_text_comes_back(folder: Path) -> None:
    said = "\udce9 \x00 \u2028 'quoted' 🐑"
    with Journal(folder) as journal:
        journal.write("change-failed", change=1, error=said)
        assert journal.events()[0].data["error"] == said


def test_the_same_move_may_go_on(folder: Path) -> None:
    for _ in range(2):
        with Journal(folder) as journal:
            journal.claim(IDENTITY)
    assert [event.kind for event in read(folder)[0]] == ["opened"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source", "root@other"),
        ("target", "another machine"),
        ("host_key", "ssh-ed25519 BBBB"),
        ("profile", "other-1"),
        ("addresses", ("192.0.2.99/24",)),
    ],
)
def test_another_move_is_refused_with_the_difference(
    folder: Path, field: str, value: object
) -> None:
    with Journal(folder) as journal:
        journal.claim(IDENTITY)
        other = replace(IDENTITY, **{field: value})  # type: ignore[arg-type]
        with pytest.raises(JournalRefused) as refused:
            journal.claim(other)
    assert f"{field}: " in refused.value.what
    assert str(json.loads(json.dumps(value))) in refused.value.what
    assert refused.value.what.count(" in the journal, ") == 1


def test_there_must_be_one_to_read(folder: Path) -> None:
    with pytest.raises(JournalRefused, match="no move was begun here"):
        read(folder)


def test_dying_while_it_is_made_leaves_a_journal_without_entries(folder: Path) -> None:
    """The file is there first, then its tables: readers in between see nothing yet."""
    (folder / FILE).touch(0o600)
    assert read(folder) == ([], [])
    with Journal(folder) as journal:
        journal.write("down")
    assert [event.kind for event in read(folder)[0]] == ["down"]


def test_another_version_is_refused(folder: Path) -> None:
    with Journal(folder) as journal:
        journal.write("down")
    with closing(sqlite3.connect(folder / FILE)) as database:
        database.execute("pragma user_version=7")
    for look in (read, Journal):
        with pytest.raises(JournalRefused, match="of version 7"):
            look(folder)


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0", b"\0" * 4096])
def test_what_isnt_a_journal_is_refused(folder: Path, content: bytes) -> None:
    (folder / FILE).write_bytes(content)
    with pytest.raises(JournalRefused):
        read(folder)
    with pytest.raises(JournalRefused):
        Journal(folder)


def test_a_full_disk_is_told_as_such(folder: Path) -> None:
    with Journal(folder) as journal:
        journal.write("down")
        pages = journal._database.execute("pragma page_count").fetchone()[0]
        journal._database.execute(f"pragma max_page_count={pages}")
        with pytest.raises(StepFailed, match="can't be written"):
            journal.write("change-begun", step="x", text="x" * 100_000)


def test_a_full_disk_is_no_damage_when_it_is_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("transhume.engine.journal._connected", full)
    with pytest.raises(StepFailed, match="can't be written"):
        Journal(folder)


@cache
def _whole() -> bytes:
    """A journal of a whole move, in one file."""
    with memory.fresh() as folder:
        Move(folder, begun()).forward(*ALL)
        with closing(sqlite3.connect(folder / FILE)) as database:
            database.execute("pragma wal_checkpoint(truncate)")
        return (folder / FILE).read_bytes()


def _claims(folder: Path, content: bytes) -> list[Event] | None:
    """What a journal of this content says; None when it is refused, in any way it is used."""
    (folder / FILE).write_bytes(content)
    try:
        events, _ = read(folder)
        with Journal(folder) as journal:
            assert journal.events() == events
            state.fold(events)
            journal.write("down")
        return events
    except JournalRefused:
        return None


_flips = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1)


@settings(max_examples=150)
@example([(0.8335767432908882, 16)])
@given(_flips)
def test_damage_is_refused_and_never_believed(flips: list[tuple[float, int]]) -> None:
    whole = _whole()
    damaged = bytearray(whole)
    for at, mask in flips:
        damaged[int(at * len(whole))] ^= mask
    with memory.fresh() as folder:
        true = _claims(folder, whole)
    with memory.fresh() as folder:
        claimed = _claims(folder, bytes(damaged))
    assert claimed in (None, true)


@settings(max_examples=40)
@given(st.floats(0, 1, exclude_max=True))
def test_a_cut_off_journal_is_refused_or_says_what_is_true(at: float) -> None:
    whole = _whole()
    with memory.fresh() as folder:
        true = _claims(folder, whole)
    with memory.fresh() as folder:
        # What was cut off may have been the unused end of the last page.
        assert _claims(folder, whole[: int(at * len(whole))]) in (None, [], true)


@cache
def _torn() -> tuple[bytes, bytes, list[Event]]:
    """A journal and its log, as a power cut leaves both, and what was written to them."""
    with memory.fresh() as folder, Journal(folder) as journal:
        Move(folder, begun()).forward(*ALL)
        whole = journal.events()
        return (folder / FILE).read_bytes(), (folder / f"{FILE}-wal").read_bytes(), whole


@settings(max_examples=150)
@given(st.floats(0, 1), st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=3))
def test_a_torn_log_is_refused_or_says_what_was_written_first(
    at: float, flips: list[tuple[float, int]]
) -> None:
    """Its end is what no change was begun after; nothing in it becomes another claim."""
    content, log, true = _torn()
    torn = bytearray(log[: int(at * len(log))])
    for where, mask in flips:
        if torn:
            torn[int(where * (len(torn) - 1))] ^= mask
    with memory.fresh() as folder:
        (folder / f"{FILE}-wal").write_bytes(torn)
        claimed = _claims(folder, content)
    assert claimed is None or claimed == true[: len(claimed)]


def test_damage_in_the_names_of_its_tables_is_told(folder: Path) -> None:
    damaged = _whole().replace(b"create table event", b"create table \xc1vent")
    damaged = damaged.replace(b"CREATE TABLE event", b"CREATE TABLE \xc1vent")
    assert damaged != _whole()
    assert _claims(folder, damaged) is None


def test_an_entry_that_was_altered_is_refused(folder: Path) -> None:
    with Journal(folder) as journal:
        journal.write("step-done", step="hold", seconds=1.0)
    with closing(sqlite3.connect(folder / FILE)) as database:
        database.execute("update event set data = replace(data, 'hold', 'open')")
        database.commit()
    with pytest.raises(JournalRefused, match="damaged"):
        read(folder)


def test_an_entry_that_is_missing_is_refused(folder: Path) -> None:
    with Journal(folder) as journal:
        for _ in range(3):
            journal.write("down")
    with closing(sqlite3.connect(folder / FILE)) as database:
        database.execute("delete from event where id = 2")
        database.commit()
    with pytest.raises(JournalRefused, match="damaged"):
        read(folder)


def test_one_run_at_a_time(folder: Path) -> None:
    with alone(folder), pytest.raises(Busy, match=r"process \d+"), alone(folder):
        pass
    with alone(folder):
        pass


_HOLDER = """
import sys
from pathlib import Path
from transhume.engine.journal import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.programs(Path(sys.executable).name)
def test_another_process_holds_it_until_it_dies(folder: Path) -> None:
    command = (sys.executable, "-c", _HOLDER, str(folder))
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Busy, match=f"process {holder.pid}"), alone(folder):
            pass
        holder.kill()
        holder.wait()
    with alone(folder):
        pass


def test_a_copy_of_the_folder_is_the_same_move(folder: Path, tmp_path: Path) -> None:
    """A backup, taken while nothing runs, can be gone on with."""
    move = Move(folder, begun())
    move.forward("prepare", "sync", "cutover")
    shutil.copytree(folder, tmp_path / "copy")
    move.folder = tmp_path / "copy"
    move.back()
    assert move.world.held == begun().held
