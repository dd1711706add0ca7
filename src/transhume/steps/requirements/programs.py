"""The programs that the commands of the plan name, and the versions that they must have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from transhume.core.change import Place
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.errors import StepFailed

PROGRAMS: dict[Place, dict[str, str]] = {
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
        "postfix": "postfix",
        "postmap": "postfix",
        "postsuper": "postfix",
    },
}
"""By machine: what the plan starts there, and the package that brings it."""

_SAFE_RSYNC = (3, 5)
_OLD_PYTHON = (3, 6)


def installing(host: Host, *packages: str) -> str:
    """What to type there to install packages, as its distribution has it."""
    debian = host.ask("which", "apt").status == 0
    return f"{'apt' if debian else 'dnf'} install {' '.join(packages)}"


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
        wanted = PROGRAMS[host.place]
        # All in one question: it prints the path of each that is there.
        printed = host.ask("which", *wanted).text.split()
        found = {path.rpartition("/")[2] for path in printed}
        for program in sorted(set(wanted) - found):
            yield Finding(
                "program-missing",
                "blocks",
                host.place,
                f"{program} isn't installed",
                "A command of the plan needs it.",
                installing(host, wanted[program]),
            )


def python_version(pair: Pair) -> Iterator[Finding]:
    """What is sent along to the source runs on Python 3.6 and newer."""
    found = version(pair.source, "python3", "--version")
    if found < _OLD_PYTHON:
        yield Finding(
            "python-old",
            "blocks",
            "source",
            f"Python {_dotted(found)} there; the programs that are sent along need 3.6 or newer",
            "Trees couldn't be looked at, nor their changes followed.",
            installing(pair.source, "python3") + " (3.6 or newer)",
        )


def rsync_version(pair: Pair) -> Iterator[Finding]:
    """rsync before 3.5 has known holes when root reads folders that others may write."""
    for host in (pair.source, pair.target):
        found = version(host, "rsync", "--version")
        if found < _SAFE_RSYNC:
            yield Finding(
                "rsync-old",
                "warns",
                host.place,
                f"rsync {_dotted(found)}: open security holes when root reads others' folders",
                "A local user of that machine could make root read or write elsewhere.",
                'upgrade to 3.5 or newer, or accept: [check] accept = ["rsync-old"]',
            )


def dump_version(pair: Pair) -> Iterator[Finding]:
    """The target's pg_dump reads the source: it must not be older than that server."""
    here = version(pair.target, "pg_dump", "--version")[0]
    there = pair.source.sql(
        "postgres", "select current_setting('server_version_num')::int / 10000"
    )[0][0]
    if here < there:
        yield Finding(
            "pg-dump-older",
            "blocks",
            "target",
            f"pg_dump {here} here, PostgreSQL {there} on the source",
            "pg_dump refuses a server that is newer than itself.",
            installing(pair.target, f"postgresql-client-{there}"),
        )


def door(pair: Pair) -> Iterator[Finding]:
    """The target is closed to people with nftables: its kernel must have it."""
    listed = pair.target.ask("nft", "list", "tables")
    if listed.status != 0:
        said = listed.stderr.decode(errors="replace").strip().splitlines()[:1]
        yield Finding(
            "nftables",
            "blocks",
            "target",
            f"nft can't list its tables: {' '.join(said) or f'status {listed.status}'}",
            "Without it the target couldn't be kept closed until it was proved.",
            "modprobe nf_tables; in a container its host has to allow it",
        )


def version(host: Host, program: str, *words: str) -> tuple[int, int]:
    """Major and minor of what a program says of itself; StepFailed when it says none."""
    printed = host.read(program, *words)
    match = re.search(r"\b(\d+)\.(\d+)", printed)
    if match is None:
        said = printed.strip()[:60]
        raise StepFailed(f"{program} on the {host.place} doesn't say its version: {said!r}")
    return int(match[1]), int(match[2])


def _dotted(found: tuple[int, int]) -> str:
    return ".".join(map(str, found))
