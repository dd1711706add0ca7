"""What any two machines need before a server moves between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from transhume.core.check import Check
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.step import Step

Look = Callable[[Pair], Iterator[Finding]]

_PROGRAMS = {
    "source": {
        "rsync": "rsync",
        "python3": "python3",
        "find": "findutils",
        "curl": "curl",
        "ip": "iproute2",
    },
    "target": {
        "rsync": "rsync",
        "curl": "curl",
        "ip": "iproute2",
        "ssh": "openssh-client",
        "find": "findutils",
        "nft": "nftables",
        "openssl": "openssl",
        "python3": "python3",
        "setpriv": "util-linux",
        "pg_dump": "postgresql-client",
        "pg_restore": "postgresql-client",
        "psql": "postgresql-client",
        "postmap": "postfix",
        "postsuper": "postfix",
    },
}
_SAFE_RSYNC = (3, 5)
_ROOM = 1.1
"""What arrives, and a tenth for what grows until the switch."""


@dataclass(frozen=True)
class Requirements(Step):
    """Every check, as the first step: nothing begins while one of them blocks."""

    checks: tuple[Check, ...]
    key = "requirements"
    title = "check both machines"
    why = "What would fail or break in silence is known before anything is touched."
    phase = "prepare"
    rows = (1, 2, 3, 4, 5, 6)
    touches = frozenset()

    def check(self, pair: Pair) -> Iterator[Finding]:
        for check in self.checks:
            yield from check.findings(pair)


def root_by_ssh(pair: Pair) -> Iterator[Finding]:
    """Root on the target must be root on the source as well."""
    if pair.source.read("id", "-u").strip() != "0":
        yield Finding(
            "not-root",
            "blocks",
            "source",
            "ssh doesn't log in as root",
            "Mail belongs to users that only root can read.",
            'in the settings: [source] ssh = "root@…", with root\'s key in its authorized_keys',
        )


def programs(pair: Pair) -> Iterator[Finding]:
    """The programs that the commands of the plan name."""
    for host in (pair.source, pair.target):
        for program, package in _PROGRAMS[host.place].items():
            if host.ask("which", program).status != 0:
                yield Finding(
                    "program-missing",
                    "blocks",
                    host.place,
                    f"{program} isn't installed",
                    "A command of the plan needs it.",
                    f"apt install {package}",
                )


def rsync_version(pair: Pair) -> Iterator[Finding]:
    """rsync before 3.5 has known holes when root reads folders that others may write."""
    for host in (pair.source, pair.target):
        match = re.search(r"version v?(\d+)\.(\d+)", host.read("rsync", "--version"))
        if match and (int(match[1]), int(match[2])) < _SAFE_RSYNC:
            yield Finding(
                "rsync-old",
                "warns",
                host.place,
                f"rsync {match[1]}.{match[2]}: open security holes when root reads others' folders",
                "A local user of that machine could make root read or write elsewhere.",
                'upgrade to 3.5 or newer, or accept: [check] accept = ["rsync-old"]',
            )


def room(folders: tuple[str, ...]) -> Look:
    """Bytes and inodes for what will arrive, per file system of the target."""

    def look(pair: Pair) -> Iterator[Finding]:
        needed: dict[str, list[int]] = {}
        for folder in folders:
            if pair.source.ask("test", "-d", folder).status != 0:
                continue
            mount = _mount(pair.target, folder)
            there, here = _used(pair.source, folder), _used(pair.target, folder)
            sums = needed.setdefault(mount, [0, 0])
            for index in (0, 1):
                sums[index] += max(0, there[index] - here[index])
        for mount, sums in needed.items():
            yield from _room(pair.target, mount, sums)

    return look


def _room(target: Host, mount: str, needed: list[int]) -> Iterator[Finding]:
    for unit, column, amount in (("bytes", "avail", needed[0]), ("inodes", "iavail", needed[1])):
        printed = target.read("df", "--block-size=1", f"--output={column}", mount).split()[-1]
        # Some file systems have no fixed number of inodes and say so with a dash.
        if printed.isdigit() and int(printed) < amount * _ROOM:
            yield Finding(
                "no-room",
                "blocks",
                "target",
                f"{mount}: {int(printed):,} {unit} free, {amount:,} will arrive",
                "The copy would stop in its middle.",
                f"enlarge the file system {mount}",
            )


def _mount(host: Host, folder: str) -> str:
    while host.ask("test", "-d", folder).status != 0:
        folder = folder.rpartition("/")[0] or "/"
    return host.read("df", "--output=target", folder).split("\n")[1].strip()


def _used(host: Host, folder: str) -> tuple[int, int]:
    if host.ask("test", "-d", folder).status != 0:
        return 0, 0
    sizes = host.read("du", "-s", "--block-size=1", folder).split()[0]
    inodes = host.read("du", "-s", "--inodes", folder).split()[0]
    return int(sizes), int(inodes)


def users(folders: tuple[str, ...]) -> Look:
    """Owners are mapped by name, so each name that owns something must exist on the target."""

    def look(pair: Pair) -> Iterator[Finding]:
        for kind, form in (("passwd", "%u\\n"), ("group", "%g\\n")):
            present = [f for f in folders if pair.source.ask("test", "-d", f).status == 0]
            if not present:
                return  # Without a path, find would look at wherever it was started.
            # Two levels tell the owners: below them everything belongs to the same few.
            printed = pair.source.read("find", *present, "-maxdepth", "2", "-printf", form)
            for name in sorted(set(printed.split())):
                if pair.target.ask("getent", kind, name).status != 0:
                    what = "user" if kind == "passwd" else "group"
                    yield Finding(
                        f"{what}-missing",
                        "blocks",
                        "target",
                        f"the {what} {name} owns files on the source and doesn't exist here",
                        "Its files would belong to a number, and its service couldn't read them.",
                        f"install the package that brings {name}, or: add{what} --system {name}",
                    )

    return look


def clocks(pair: Pair) -> Iterator[Finding]:
    """Two clocks that differ make times of files and certificates lie."""
    there, here = (int(host.read("date", "+%s")) for host in (pair.source, pair.target))
    if abs(there - here) > 10:
        yield Finding(
            "clocks-differ",
            "warns",
            "both",
            f"the clocks are {abs(there - here)} s apart",
            "New mail would seem older than the copy.",
            "timedatectl set-ntp true",
        )


def queue_size(count: Callable[[Host], int]) -> Look:
    """Say that queued mail moves along."""

    def look(pair: Pair) -> Iterator[Finding]:
        waiting = count(pair.source)
        if waiting:
            yield Finding(
                "queue", "notes", "source", f"{waiting} messages are queued; they move along"
            )

    return look
