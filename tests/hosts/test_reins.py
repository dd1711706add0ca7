"""A child is held back and let go again, and whatever happens it doesn't stand still for ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from transhume.core.command import HELD
from transhume.core.host import Output
from transhume.errors import StepFailed
from transhume.hosts import reins
from transhume.hosts.process import Processes

_PYTHON = Path(sys.executable).name
pytestmark = pytest.mark.programs("sh", "outer", _PYTHON, *HELD, faked=True)
_LIMIT = 20.0
# As under_snapshot.py has pg_dump below it, and that its workers: two of three are to be held.
_TREE = """#!/bin/sh
{folder}/pg_dump &
echo $$ $! >{folder}/outer.pid
wait
"""
# It starts no other: a shell waits for one that isn't begun yet, and can't stand still then.
_WORKS = """#!{python}
import os, sys, time
open(sys.argv[0] + ".pid", "w").write("%d\\n" % os.getpid())
while True:
    print("on", flush=True)
    time.sleep(0.01)
"""


class Child:
    """Three programs in one group, each of which says all the time that it goes on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answer: Callable[[], bool] = lambda: True
        self.heard = threading.Event()
        self.processes = Processes()
        self.ended: list[Output | BaseException] = []
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            argv = (str(self.folder / "outer"),)
            self.ended.append(self.processes.run(argv, b"", self._hear, lambda: self.answer()))
        except BaseException as error:  # noqa: BLE001 - looked at in the test
            self.ended.append(error)

    def _hear(self, said: str) -> None:
        self.heard.set()

    def pid(self, name: str) -> int:
        """The number of one of its programs, once it has one."""
        path = self.folder / f"{name}.pid"
        until(lambda: path.exists() and path.read_text().endswith("\n"))
        return int(path.read_text().split()[0])

    def begin(self) -> None:
        """Start it and wait until it works."""
        self.thread.start()
        until(self.heard.is_set)
        self.pid("outer")
        self.pid("pg_dump")

    def hold(self) -> None:
        """Wait until it stands still."""
        self.answer = lambda: False
        until(lambda: state(self.pid("pg_dump")) == "T")


def until(holds: Callable[[], bool]) -> None:
    """Wait for it."""
    end, pause = time.monotonic() + _LIMIT, threading.Event()
    while not holds():
        assert time.monotonic() < end, "it never came to it"
        pause.wait(0.01)


def state(pid: int) -> str:
    """As the kernel says it: T for one that stands still; empty for none."""
    with suppress(FileNotFoundError, ProcessLookupError):
        found = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return "" if found == "Z" else found
    return ""


def _program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text.format(folder=folder, python=sys.executable))
    (folder / name).chmod(0o755)


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """One that wasn't begun yet."""
    _program(tmp_path, "outer", _TREE)
    _program(tmp_path, "pg_dump", _WORKS)
    made = Child(tmp_path)
    yield made
    made.processes.stop()
    made.thread.join(_LIMIT)


def test_it_stands_still_and_goes_on_as_it_may(child: Child) -> None:
    child.begin()
    for _ in range(2):
        child.hold()
        # Whoever waits for it, and holds the connection, isn't held.
        assert state(child.pid("outer")) in ("S", "R")
        child.answer = lambda: True
        until(lambda: state(child.pid("pg_dump")) in ("S", "R"))
        child.heard.clear()
        until(child.heard.is_set)
    assert child.ended == []


def test_nothing_stands_still_for_long_without_a_moment(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a server would give up on whoever is in the middle of logging in."""
    monkeypatch.setattr(reins, "_LONGEST_SECONDS", 0.1)
    child.begin()
    child.hold()
    for _ in range(3):
        child.heard.clear()
        until(child.heard.is_set)


def test_stop_ends_what_stands_still(child: Child) -> None:
    child.begin()
    pids = [child.pid("outer"), child.pid("pg_dump")]
    child.hold()
    child.processes.stop()
    child.thread.join(_LIMIT)
    assert [output.status for output in child.ended if isinstance(output, Output)] == [
        -signal.SIGTERM
    ]
    until(lambda: not any(map(state, pids)))


def test_whoever_cant_be_asked_ends_it_and_tells(child: Child) -> None:
    """Such as the source that can't be reached any more to say its load."""
    child.begin()
    child.hold()
    pids = [child.pid("outer"), child.pid("pg_dump")]
    failure = StepFailed("no answer")

    def fail() -> bool:
        raise failure

    child.answer = fail
    child.thread.join(_LIMIT)
    assert child.ended == [failure]
    until(lambda: not any(map(state, pids)))


_PARENT = """
import sys
from transhume.hosts.process import Processes
may = iter([True] * 5)
Processes().run((sys.argv[1],), b"", lambda said: None, lambda: next(may, False))
"""


def test_a_killed_parent_leaves_nothing_behind(tmp_path: Path) -> None:
    """The signal of the leash comes to one that stands still, which can't hear it."""
    _program(tmp_path, "rsync", _WORKS)
    with subprocess.Popen((sys.executable, "-c", _PARENT, str(tmp_path / "rsync"))) as parent:
        path = tmp_path / "rsync.pid"
        until(lambda: path.exists() and path.read_text().endswith("\n"))
        pid = int(path.read_text())
        until(lambda: state(pid) == "T")
        # Not by terminate(): nothing of ours runs any more.
        os.kill(parent.pid, signal.SIGKILL)
    try:
        until(lambda: not state(pid))
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
