"""How much memory processes take together, looked at from outside while something goes on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

_SAMPLE_SECONDS = 0.2

Roots = Callable[[Mapping[int, int]], Iterable[int]]
"""Gets the parent of each process; says which are looked at now, with all that came of them."""


@contextmanager
def watched(groups: Mapping[str, Roots]) -> Iterator[dict[str, float]]:
    """While it goes on, the peak of each group so far: MiB, what processes share counts once.

    It counts when it is there in two looks: a child that is only just being started has its
    parent's memory (vfork(2)), and for that moment counts it again.
    """
    done = threading.Event()
    peaks, former = dict.fromkeys(groups, 0.0), dict.fromkeys(groups, 0.0)

    def watch() -> None:
        while not done.wait(_SAMPLE_SECONDS):
            parents = _parents()
            for name, roots in groups.items():
                now = mib(family(set(roots(parents)), parents))
                peaks[name] = max(peaks[name], min(now, former[name]))
                former[name] = now

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peaks
    finally:
        done.set()
        watcher.join()


def family(roots: set[int], parents: Mapping[int, int]) -> set[int]:
    """These processes and all that came of them."""
    found = set(roots)
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return found


def mib(processes: Iterable[int]) -> float:
    """What they take together now."""
    return sum(map(_shared_kib, processes)) / 1024


def children(parents: Mapping[int, int]) -> Iterator[int]:
    """What this process has started itself."""
    return (pid for pid, parent in parents.items() if parent == os.getpid())


def _parents() -> dict[int, int]:
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            found[int(folder.name)] = int(fields[1])
    return found


def _shared_kib(pid: int) -> int:
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return 0
