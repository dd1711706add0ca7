"""File systems under the trees: where they begin, what they can hold, what leads out of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.errors import StepFailed


@dataclass(frozen=True)
class Mount:
    """One mounted file system."""

    path: str
    kind: str
    options: frozenset[str]


def mounts(host: Host) -> list[Mount]:
    """What is mounted, the last mounted last (proc_pid_mountinfo(5))."""
    found = []
    for line in (host.file("/proc/self/mountinfo") or b"").decode(errors="replace").splitlines():
        before, dash, after = line.partition(" - ")
        words, rest = before.split(" "), after.split(" ")
        if not dash or len(words) < 6 or len(rest) < 3:
            raise StepFailed(f"the {host.place} tells its mounts in a way not known: {line!r}")
        path = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), words[4])
        options = frozenset((*words[5].split(","), *rest[2].split(",")))
        found.append(Mount(path, rest[0], options))
    if not found:
        raise StepFailed(f"the {host.place} doesn't tell what is mounted")
    return found


def under(known: list[Mount], folder: str) -> Mount:
    """The file system that holds a folder, also one that isn't there yet."""
    holding = [each for each in known if inside(folder, each.path)]
    # Of two on one place the later one covers the earlier.
    return max(reversed(holding), key=lambda each: len(each.path))


def inside(path: str, folder: str) -> bool:
    """Whether the path is the folder or lies in it."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def parted(folders: tuple[str, ...]) -> Look:
    """A file system that begins inside a tree is copied into the one around it."""

    def look(pair: Pair) -> Iterator[Finding]:
        here = {each.path for each in mounts(pair.target)}
        for each in mounts(pair.source):
            tree = next((f for f in folders if each.path != f and inside(each.path, f)), None)
            if tree is not None and each.path not in here:
                yield Finding(
                    "mount-inside",
                    "warns",
                    "source",
                    f"{each.path} inside {tree} is a file system of its own ({each.kind})",
                    "On the target its files would fill the file system of the tree around it.",
                    f"mount one of its size at {each.path} on the target, or accept: "
                    '[check] accept = ["mount-inside"]',
                )

    return look


def writable(folders: tuple[str, ...]) -> Look:
    """What is copied must be able to land."""

    def look(pair: Pair) -> Iterator[Finding]:
        known = mounts(pair.target)
        for mount in sorted({under(known, f) for f in folders}, key=lambda each: each.path):
            if "ro" in mount.options:
                yield Finding(
                    "read-only",
                    "blocks",
                    "target",
                    f"{mount.path} ({mount.kind}) is mounted read-only",
                    "Nothing could be copied there.",
                    f"mount -o remount,rw {mount.path}; dmesg says why it isn't",
                )

    return look


def led_elsewhere(folders: tuple[str, ...]) -> Look:
    """A tree that is a symbolic link lies in another place than its name says."""

    def look(pair: Pair) -> Iterator[Finding]:
        for host in (pair.source, pair.target):
            printed = host.read("readlink", "-z", "-m", "--", *folders).split("\0")
            for folder, reached in zip(folders, printed, strict=False):
                if reached != folder:
                    yield Finding(
                        "tree-is-link",
                        "notes",
                        host.place,
                        f"{folder} leads by a symbolic link to {reached}",
                        "Its files are read and written there; the link itself doesn't move.",
                    )

    return look
