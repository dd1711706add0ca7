"""A tracker on a folder of the test's own, and what a move makes of its list."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lab.shell import wait_until
from transhume.core.change import SyncPaths

AGENTS = Path(__file__).parents[2] / "src" / "transhume" / "agent"
_EXACT = ("rsync", "-aHAXS", "--modify-window=-1")

_WITH_A_CLOCK = (
    "import runpy, sys, time; own, ahead = time.time, float(sys.argv[1]); "
    "time.time = lambda: own() + ahead; sys.argv[:2] = []; "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


class Following:
    """Source and target of a small move beside each other, and the tracker between them."""

    def __init__(self, folder: Path, ways: str) -> None:
        self.source, self.target = folder / "source", folder / "target"
        self.kept, self._ways = folder / "kept", ways
        for made in (self.source, self.target):
            made.mkdir()
        self.kept.mkdir(0o700)
        self.gaps: list[str] = []
        self.ahead = 0.0
        """By how many seconds the asking program's clock is ahead of the kernel's."""
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._daemon is not None
        return self._daemon.pid

    def start(self) -> None:
        """Begin to follow."""
        words = (str(AGENTS / "tracker.py"), str(self.kept), self._ways, str(self.source))
        self._daemon = subprocess.Popen((sys.executable, *words))
        wait_until(self._answers, "the tracker to answer", 20)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as asking, suppress(OSError):
            asking.connect(str(self.kept / "socket"))
            return bool(asking.recv(1))
        return False

    def stop(self) -> None:
        """Kill it, as a machine short of memory does."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()

    def changes(self, *words: str) -> list[Any]:
        """What the asking program prints."""
        program = (str(self.ahead), str(AGENTS / "changes.py"))
        argv = (sys.executable, "-c", _WITH_A_CLOCK, *program, *words)
        done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def ask(self, since: str = "acked") -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        """The answer's head, the tree's, and its paths."""
        head, tree, *paths = self.changes("ask", str(self.kept), since)
        return head, tree, paths

    def catch_up(self, since: str = "acked") -> list[str]:
        """One pass, or the rest; what was handed over."""
        head, tree, paths = self.ask(since)
        if tree["gaps"]:
            self.gaps += tree["gaps"]
            done = self._rsync((*_EXACT, "--delete"), b"")
        elif paths:
            act = SyncPaths("", b"".join(os.fsencode(path) + b"\0" for path in paths))
            done = self._rsync(("rsync", *act.options()), act.listed())
        else:
            done = True
        if done:
            self.note("acked", head)
        return paths

    def note(self, what: str, head: dict[str, Any]) -> None:
        """Note how far it was copied, or proved."""
        self.changes("note", str(self.kept), head["run"], what, str(head["seq"]), str(self.source))

    def _rsync(self, argv: tuple[str, ...], names: bytes) -> bool:
        """Whether all was copied; a file that becomes a folder meanwhile is tried again."""
        ends = (f"{self.source}/", f"{self.target}/")
        done = subprocess.run((*argv, *ends), input=names, capture_output=True, check=False)
        # A folder that is none any more under a name that was to be sent: rsync 3.5 gives up.
        moved = done.returncode == 2 and b"invalid path from sender" in done.stderr
        assert moved or done.returncode in (0, 23, 24), (argv, names, done.stderr)
        return done.returncode not in (2, 23)

    def differences(self) -> list[str]:
        """What an rsync that looks at everything would still do."""
        argv = (*_EXACT, "-n", "--itemize-changes", "--delete")
        ends = (f"{self.source}/", f"{self.target}/")
        done = subprocess.run((*argv, *ends), check=True, capture_output=True)
        return done.stdout.decode(errors="replace").splitlines()


@contextmanager
def following(folder: Path, ways: str = "names,folders") -> Iterator[Following]:
    """A tracker that has begun, and that is ended."""
    made = Following(folder, ways)
    try:
        made.start()
        yield made
    finally:
        made.stop()
