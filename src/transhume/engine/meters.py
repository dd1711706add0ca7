"""Read progress out of what rsync, pg_dump and pg_restore print while they work."""

from __future__ import annotations

import re
from collections.abc import Callable

from transhume.core.change import (
    Act,
    DumpDatabase,
    RestoreDatabase,
    SeedDatabase,
    SyncPaths,
    SyncTree,
)
from transhume.core.event import Progress

Meter = Callable[[str], "Progress | None"]

_RSYNC = re.compile(r"^\s*(\d[\d,.]*)\s+\d+%\s")
_DUMPED = re.compile(r"^pg_dump: finished item \d+ TABLE DATA ")
# One process alone has nobody to tell that it finished.
_DUMPED_ALONE = re.compile(r"^pg_dump: dumping contents of table ")
# Each entry says exactly one of these; a worker's "launching" and "finished" would count it again.
_RESTORED = re.compile(r"^pg_restore: (creating|processing data for|executing) ")


def meter(act: Act) -> Meter:
    """What turns a line of this act's output into progress; most acts have none to tell."""
    if isinstance(act, (SyncPaths, SyncTree)):
        return _rsync(act)
    if isinstance(act, DumpDatabase):
        line = _DUMPED if act.jobs > 1 else _DUMPED_ALONE
        return _count(act.database, "tables", act.tables, line)
    if isinstance(act, RestoreDatabase):
        return _count(act.database, "entries", act.entries, _RESTORED)
    if isinstance(act, SeedDatabase):
        return _seed(act)
    return lambda line: None


def _seed(act: SeedDatabase) -> Meter:
    dumped = _count(act.database, "tables", act.tables, _DUMPED if act.jobs > 1 else _DUMPED_ALONE)
    restored = _count(act.database, "entries", 0, _RESTORED)
    return lambda line: dumped(line) or restored(line)


def _rsync(act: SyncPaths | SyncTree) -> Meter:
    def heard(line: str) -> Progress | None:
        match = _RSYNC.match(line)
        if match is None:
            return None
        done = int(re.sub(r"[,.]", "", match[1]))
        expected = act.expected if isinstance(act, SyncTree) else 0
        return Progress(act.path, done, max(expected, done) if expected else 0, "bytes")

    return heard


def _count(part: str, unit: str, total: int, pattern: re.Pattern[str]) -> Meter:
    seen = 0

    def heard(line: str) -> Progress | None:
        nonlocal seen
        if not pattern.match(line):
            return None
        seen += 1
        done = min(seen, total) if total else seen
        return Progress(part, done, total, "tables" if unit == "tables" else "entries")

    return heard
