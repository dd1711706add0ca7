"""One cgroup per machine: what belongs to it is found and ended there, not by remembered ids."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from lab.shell import LabError, wait_until

TOP = "transhume-lab"


def unified() -> Path:
    """The mount point of cgroup v2, alone or beside v1."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    raise LabError("no cgroup v2 hierarchy is mounted on this machine")


def hierarchies() -> list[Path]:
    """Version 2 and, where it stands beside it, systemd's own of version 1.

    nspawn derives the container's path from the latter, so two machines left in its root would
    share one.
    """
    named = Path("/sys/fs/cgroup/systemd")
    return [unified(), *([named] if (named / "cgroup.procs").exists() else [])]


def join(path: str) -> None:
    """Puts the calling process, and so its children, into the cgroup."""
    for hierarchy in hierarchies():
        group = hierarchy / TOP / path
        group.mkdir(parents=True, exist_ok=True)
        (group / "cgroup.procs").write_text(str(os.getpid()))


def processes(path: str) -> Iterator[int]:
    for folder, _, _ in os.walk(unified() / TOP / path):
        with contextlib.suppress(OSError):
            listing = Path(folder) / "cgroup.procs"
            # Zero stands for a process of another pid namespace than ours.
            yield from (int(pid) for pid in listing.read_text().split() if pid != "0")


def kill(path: str) -> None:
    """Ends every process in it with SIGKILL, at one stroke, and removes it."""
    group = unified() / TOP / path
    if group.exists():
        (group / "cgroup.kill").write_text("1")
        wait_until(lambda: not any(processes(path)), f"processes of {path} to end", 30)
    remove(path)


def leave() -> None:
    """Removes the lab's own group, unless another checkout's machines are in it."""
    for hierarchy in hierarchies():
        with contextlib.suppress(OSError):
            (hierarchy / TOP).rmdir()


def remove(path: str) -> None:
    for hierarchy in hierarchies():
        for folder, _, _ in os.walk(hierarchy / TOP / path, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
