"""Runs transhume on the target and ends it with SIGKILL, or holds it, at a moment of a change.

Started by kills.py and faults/ inside the machine, in the tool's own Python: the product has no
test hook. Arguments: kill or hold, the moment, a file with the changes that were hit already, how
many changes to let pass for each that is hit, the one change that is meant (empty: any), then the
command line.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

from transhume.engine import journal
from transhume.hosts import ssh
from transhume.ui import cli

MOMENTS = ("before", "begun", "acted", "done")
"""Before the change is on disk; on disk before the act; after the act; on disk as done."""

ASKED = "asked"
"""Before the source is asked anything: a command that only reads has no change to be hit at."""
GO = "/run/hold-go"
"""What is held goes on once this file is there."""

_KIND = {"before": "change-begun", "begun": "change-begun", "acted": "change-done"}
_LIMIT = 900.0


def alike(name: str) -> str:
    """The name of a change without its numbers: how many paths were copied differs each time."""
    return re.sub(r"\d+", "#", name)


class Striker:
    """Stands in for Journal.write; a change is hit once, so that the next run gets further."""

    def __init__(self, deed: str, moment: str, hit: Path, passing: int, only: str) -> None:
        self._deed = deed
        self._moment = moment
        self._passing = passing
        self._only = alike(only)
        self._hit = hit
        self._known = set(hit.read_text().splitlines()) if hit.exists() else set()
        self._write = journal.Journal.write
        self._run = ssh.Ssh.run
        self._names: dict[int, str] = {}

    def write(self, own: journal.Journal, kind: Any, **data: Any) -> Any:
        wanted = _KIND.get(self._moment, "change-done")
        early = self._moment in ("before", "acted")
        if early and kind == wanted:
            self._strike(self._named(data))
        event = self._write(own, kind, **data)
        if kind == "change-begun":
            self._names[event.id] = f"{data['step']}: {data['title']}"
        if not early and kind == wanted:
            self._strike(self._named(data))
        return event

    def ask(self, own: ssh.Ssh, *words: Any) -> Any:
        if self._moment == ASKED:
            self._strike(ASKED)
        return self._run(own, *words)

    def _named(self, data: dict[str, Any]) -> str:
        return self._names.get(data.get("change", 0)) or f"{data['step']}: {data['title']}"

    def _strike(self, name: str) -> None:
        if name in self._known or self._only not in ("", alike(name)):
            return
        self._known.add(name)
        with self._hit.open("a") as file:
            file.write(name + "\n")
            file.flush()
            os.fsync(file.fileno())
        if len(self._known) % (self._passing + 1):
            return
        if self._deed == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        _hold()


def _hold() -> None:
    end = time.monotonic() + _LIMIT
    while not Path(GO).exists() and time.monotonic() < end:
        time.sleep(0.01)


def main() -> None:
    deed, moment, hit, passing, only = sys.argv[1:6]
    sys.argv = ["transhume", *sys.argv[6:]]
    striker = Striker(deed, moment, Path(hit), int(passing), only)
    journal.Journal.write = lambda own, kind, **data: striker.write(own, kind, **data)  # type: ignore[method-assign]
    ssh.Ssh.run = lambda own, *words: striker.ask(own, *words)  # type: ignore[method-assign]
    cli.main()


if __name__ == "__main__":
    main()
