"""Who and what is on the machines already: logins, clients, listeners, database sessions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import OURS, Host, Pair
from transhume.steps.requirements.remedy import quoted

# Our own stay between two questions.
_SESSIONS = f"""
select coalesce(datname, ''), coalesce(usename, ''), coalesce(nullif(application_name, ''), '?'),
       count(*)
from pg_stat_activity
where datname = any(%s) and application_name <> '{OURS}' and backend_type = 'client backend'
group by 1, 2, 3 order by 1, 2, 3
"""
_USERS = re.compile(r'"([^"]+)",pid=(\d+)')
_UNIT = re.compile(r"([\w@:\\.-]+\.(?:service|scope|socket))")


def logins(pair: Pair) -> Iterator[Finding]:
    """Who else is logged in could restart or change what the move has just looked at."""
    for host in (pair.source, pair.target):
        lines = [line.split() for line in host.read("who").splitlines() if line.strip()]
        others = lines if host.place == "source" or len(lines) > 1 else []
        if others:
            named = ", ".join(f"{words[0]} on {words[1]}" for words in others[:5])
            yield Finding(
                "logged-in",
                "notes",
                host.place,
                f"{len(others)} logins: {named}",
                "Whoever works there should know that it moves.",
            )


def ports(wanted: tuple[int, ...], patterns: tuple[str, ...]) -> Look:
    """The ports on the target must be free for the server; `patterns` are its own units."""

    def look(pair: Pair) -> Iterator[Finding]:
        for port, name, number in _listeners(pair.target, wanted):
            unit = _unit(pair.target, number)
            if not any(fnmatchcase(unit, pattern) for pattern in patterns):
                yield Finding(
                    "port-taken",
                    "blocks",
                    "target",
                    f"port {port} is held by {name} ({unit or f'process {number}'})",
                    "The server that moves here couldn't take it, and its people would meet "
                    "something else.",
                    f"systemctl disable --now {quoted(unit or name)}",
                )

    return look


def _listeners(host: Host, wanted: tuple[int, ...]) -> list[tuple[int, str, str]]:
    """Port, program and process of who listens on one of these ports, each once."""
    found = set()
    for line in host.read("ss", "-Hltnp").splitlines():
        words = line.split()
        port = words[3].rpartition(":")[2] if len(words) > 3 else ""
        users = _USERS.findall(line)
        if port.isdigit() and int(port) in wanted and users:
            # The last one named is the oldest: the others are its children.
            found.add((int(port), *users[-1]))
    return sorted(found)


def _unit(host: Host, process: str) -> str:
    """The systemd unit that a process belongs to; empty when none is told."""
    told = (host.file(f"/proc/{process}/cgroup") or b"").decode(errors="replace")
    return next(iter(_UNIT.findall(told)[::-1]), "")


def clients(wanted: tuple[int, ...]) -> Look:
    """A fresh machine serves nobody yet: whoever has clients is no empty target."""

    def look(pair: Pair) -> Iterator[Finding]:
        used: Counter[int] = Counter()
        for line in pair.target.read("ss", "-Htn", "state", "established").splitlines():
            words = line.split()
            port, peer = words[2].rpartition(":")[2], words[3].rpartition(":")[0]
            if port.isdigit() and int(port) in wanted and not _loopback(peer, words[2]):
                used[int(port)] += 1
        if used:
            named = ", ".join(f"{number} on port {port}" for port, number in sorted(used.items()))
            yield Finding(
                "target-serves",
                "warns",
                "target",
                f"clients are connected to it: {named}",
                "What they write here would be overwritten.",
                "make sure that this is the new machine; who they are: ss -tnp state established",
            )

    return look


def _loopback(peer: str, own: str) -> bool:
    plain = peer.strip("[]").removeprefix("::ffff:")
    return plain.startswith("127.") or plain == "::1" or peer == own.rpartition(":")[0]


def sessions(databases: tuple[str, ...]) -> Look:
    """Whoever is connected to the target's databases is cut off when they are replaced."""

    def look(pair: Pair) -> Iterator[Finding]:
        rows = pair.target.sql("postgres", _SESSIONS, list(databases))
        if rows:
            named = ", ".join(
                f"{number} of {user} ({app}) to {name}" for name, user, app, number in rows
            )
            yield Finding(
                "sessions",
                "notes",
                "target",
                f"connected to its databases: {named}",
                "With one of them open a database can't be dropped: they are ended first.",
                "nothing to do; a program of your own: stop it until the move is over",
            )

    return look
