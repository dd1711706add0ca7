"""Runs transhume on the target and ends it with SIGKILL, or holds it, at moments of its changes.

Started by kills.py and faults/ inside the machine, in the tool's own Python: the product has no
test hook. Arguments: kill or hold, how many changes to let pass for each that is hit, a list of
moments and changes as JSON (an empty name: any change), then the command line.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from transhume.core.change import leaves
from transhume.engine import journal, perform
from transhume.hosts import process, ssh
from transhume.ui import cli

MOMENTS = ("before", "begun", "acted", "done")
"""Before the change is on disk; on disk before the act; after the act; on disk as done."""

DURING = "during"
"""A program of the act was started, and the tool hasn't heard of its end; of several the middle."""
ASKED = "asked"
"""Before the source is asked anything: a command that only reads has no change to be hit at."""
HIT = "/root/hit"
"""The moments and changes that were hit, one a line."""
GO = "/run/hold-go"
"""What is held goes on once this file is there, or the one with the number of the hit."""
CLOCK = "/run/hold-clock"
"""While this file is there the tool's clock is an hour ahead."""

_EARLY = {"change-begun": "before", "change-done": "acted"}
_LATE = {"change-begun": "begun", "change-done": "done", "undo-begun": "begun", "undone": "done"}
_LIMIT = 900.0


def alike(name: str) -> str:
    """The name of a change without its numbers: how many paths were copied differs each time."""
    return re.sub(r"\d+", "#", name)


class Striker:
    """Stands in where the tool writes, performs and asks; a change is hit once."""

    def __init__(self, deed: str, passing: int, wanted: list[list[str]]) -> None:
        self._deed = deed
        self._passing = passing
        self._wanted = {(moment, alike(name)) for moment, name in wanted}
        self._hit = Path(HIT)
        lines = self._hit.read_text().splitlines() if self._hit.exists() else []
        self._known = {line.partition(" ")[2] for line in lines}
        self._lock = threading.Lock()
        self._names: dict[tuple[bool, int], str] = {}
        self._leaves: dict[int, str] = {}
        self._own = threading.local()
        self._write = journal.Journal.write
        self._perform = perform.Performer.perform
        self._start = process.Processes._start
        self._ask = ssh.Ssh.ask

    def write(self, own: journal.Journal, kind: Any, **data: Any) -> Any:
        name = self._named(kind, data)
        self._come(_EARLY.get(kind), name)
        event = self._write(own, kind, **data)
        if kind == "change-begun":
            self._names[False, event.id] = name
        if kind in ("change-begun", "undo-begun"):
            self._own.begun = name
        self._come(_LATE.get(kind), name)
        return event

    def _named(self, kind: str, data: dict[str, Any]) -> str:
        back = kind in ("undo-begun", "undone")
        if "title" in data:
            name = f"{data.get('step', 'rollback')}: {data['title']}"
            if back:
                self._names[back, data["change"]] = name
            return name
        return self._names.get((back, data.get("change", 0)), "")

    def perform(self, own: perform.Performer, act: Any, *beside: int) -> None:
        begun, self._own.begun = getattr(self._own, "begun", ""), ""
        if begun:
            parts = list(leaves(act))
            self._leaves[id(parts[len(parts) // 2])] = begun
        self._own.leaf = self._leaves.pop(id(act), "")
        self._perform(own, act, *beside)

    def start(self, own: process.Processes, *words: Any) -> Any:
        started = self._start(own, *words)
        leaf, self._own.leaf = getattr(self._own, "leaf", ""), ""
        self._come(DURING, leaf)
        return started

    def ask(self, own: ssh.Ssh, *words: Any) -> Any:
        self._come(ASKED, ASKED)
        return self._ask(own, *words)

    def _come(self, moment: str | None, name: str) -> None:
        """Strike, if this is where."""
        with self._lock:
            number = self._noted(moment, name)
        if not number or number % (self._passing + 1):
            return
        if self._deed == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        _hold(number)

    def _noted(self, moment: str | None, name: str) -> int:
        """The number of this hit; 0 if it is none."""
        meant = (moment, alike(name)) in self._wanted or (moment, "") in self._wanted
        if not meant or not name or name in self._known or Path(GO).exists():
            return 0
        self._known.add(name)
        with self._hit.open("a") as file:
            file.write(f"{moment} {name}\n")
            file.flush()
            os.fsync(file.fileno())
        return len(self._known)


def _hold(number: int) -> None:
    end = time.monotonic() + _LIMIT
    while not any(map(os.path.exists, (GO, f"{GO}.{number}"))) and time.monotonic() < end:
        time.sleep(0.01)


def main() -> None:
    deed, passing, wanted = sys.argv[1:4]
    sys.argv = ["transhume", *sys.argv[4:]]
    striker, clock = Striker(deed, int(passing), json.loads(wanted)), time.time
    journal.Journal.write = lambda own, kind, **data: striker.write(own, kind, **data)  # type: ignore[method-assign]
    perform.Performer.perform = lambda own, *words: striker.perform(own, *words)  # type: ignore[method-assign]
    process.Processes._start = lambda own, *words: striker.start(own, *words)  # type: ignore[method-assign]
    ssh.Ssh.ask = lambda own, *words: striker.ask(own, *words)  # type: ignore[method-assign]
    time.time = lambda: clock() + 3600 * Path(CLOCK).exists()
    cli.main()


if __name__ == "__main__":
    main()
