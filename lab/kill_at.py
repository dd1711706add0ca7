"""Runs transhume on the target and ends it with SIGKILL at one moment of one change.

Started by kills.py inside the machine, in the tool's own Python: the product has no test hook.
Arguments: the moment, a file with the changes that were hit already, how many changes to let pass
for each that is hit, then the command line.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from transhume.engine import journal
from transhume.ui import cli

MOMENTS = ("before", "begun", "acted", "done")
"""Before the change is on disk; on disk before the act; after the act; on disk as done."""

_KIND = {"before": "change-begun", "begun": "change-begun", "acted": "change-done"}


class Killer:
    """Stands in for Journal.write; a change is hit once, so that the next run gets further."""

    def __init__(self, moment: str, hit: Path, passing: int) -> None:
        self._moment = moment
        self._passing = passing
        self._hit = hit
        self._known = set(hit.read_text().splitlines()) if hit.exists() else set()
        self._write = journal.Journal.write
        self._names: dict[int, str] = {}

    def write(self, own: journal.Journal, kind: Any, **data: Any) -> Any:
        wanted = _KIND.get(self._moment, "change-done")
        early = self._moment in ("before", "acted")
        if early and kind == wanted:
            self._strike(data)
        event = self._write(own, kind, **data)
        if kind == "change-begun":
            self._names[event.id] = f"{data['step']}: {data['title']}"
        if not early and kind == wanted:
            self._strike(data)
        return event

    def _strike(self, data: dict[str, Any]) -> None:
        known = self._names.get(data.get("change", 0))
        name = known or f"{data['step']}: {data['title']}"
        if name in self._known:
            return
        self._known.add(name)
        with self._hit.open("a") as file:
            file.write(name + "\n")
            file.flush()
            os.fsync(file.fileno())
        if len(self._known) % (self._passing + 1):
            return
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    moment, hit, passing = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    sys.argv = ["transhume", *sys.argv[4:]]
    killer = Killer(moment, hit, passing)
    journal.Journal.write = lambda own, kind, **data: killer.write(own, kind, **data)  # type: ignore[method-assign]
    cli.main()


if __name__ == "__main__":
    main()
