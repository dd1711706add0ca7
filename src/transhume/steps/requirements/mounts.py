"""File systems under the trees: where they begin, what they can hold, what leads out of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.errors import StepFailed
from transhume.steps.requirements.remedy import accepting, quoted


@dataclass(frozen=True)
class Mount:
    """One mounted file system."""

    path: str
    kind: str
    options: frozenset[str]
    device: str
    """The numbers of its file system: several mounts may show the same one."""


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
        found.append(Mount(path, rest[0], options, words[2]))
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


def reached(host: Host, folders: Sequence[str]) -> dict[str, str]:
    """Where each folder really lies there, also one that isn't there yet."""
    printed = host.read("readlink", "-z", "-m", "--", *folders).split("\0")[:-1]
    if len(printed) != len(folders) or not all(path.startswith("/") for path in printed):
        raise StepFailed(f"readlink on the {host.place} doesn't say where folders lie")
    return dict(zip(folders, printed, strict=True))


def landing(host: Host, folders: Sequence[str]) -> dict[str, Mount]:
    """The folders, and what inside them is mounted by itself, each with what holds it there.

    A part has the name that it has below its folder, wherever that leads.
    """
    known = mounts(host)
    parts: dict[str, Mount] = {}
    for folder, place in reached(host, folders).items():
        parts[folder] = under(known, place)
        for each in known:
            if each.path != place and inside(each.path, place):
                parts[folder + each.path[len(place) :]] = each
    return parts


def parted(folders: tuple[str, ...]) -> Look:
    """A file system that begins inside a tree is copied into the one around it."""

    def look(pair: Pair) -> Iterator[Finding]:
        here = landing(pair.target, folders)
        for path, mount in landing(pair.source, folders).items():
            if path not in here:
                tree = next(folder for folder in folders if inside(path, folder))
                yield Finding(
                    "mount-inside",
                    "warns",
                    "source",
                    f"{path} inside {tree} is a file system of its own ({mount.kind})",
                    "On the target its files would fill the file system of the tree around it.",
                    f"mount one of its size at {quoted(path)} on the target, or "
                    + accepting("mount-inside"),
                )

    return look


def writable(folders: tuple[str, ...]) -> Look:
    """What is copied must be able to land."""

    def look(pair: Pair) -> Iterator[Finding]:
        holding = set(landing(pair.target, folders).values())
        for mount in sorted(holding, key=lambda each: each.path):
            if "ro" in mount.options:
                yield Finding(
                    "read-only",
                    "blocks",
                    "target",
                    f"{mount.path} ({mount.kind}) is mounted read-only",
                    "Nothing could be copied there.",
                    f"mount -o remount,rw {quoted(mount.path)}; dmesg says why it isn't",
                )

    return look


def led_elsewhere(folders: tuple[str, ...]) -> Look:
    """A tree that is a symbolic link lies in another place than its name says."""

    def look(pair: Pair) -> Iterator[Finding]:
        for host in (pair.source, pair.target):
            for folder, place in reached(host, folders).items():
                if place != folder:
                    yield Finding(
                        "tree-is-link",
                        "notes",
                        host.place,
                        f"{folder} leads by a symbolic link to {place}",
                        "Its files are read and written there; the link itself doesn't move.",
                    )

    return look
