"""A Command is what is typed on one machine; here are the files that lead to them, too."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Literal

Place = Literal["source", "target"]

SSH_CONFIG = "/run/transhume/ssh_config"
"""How ssh reaches the source; see hosts/ssh.py, which writes it."""

SSH_BULK = "/run/transhume/ssh_bulk"
"""The same for what moves much: a connection of its own each, with the cheapest cipher."""

KEY = "/etc/transhume/id_ed25519"
"""The move's own ssh key, where the admin had one made: then it alone is used."""

SERVICE_FILE = "/run/transhume/pg_service.conf"
"""How libpq reaches both servers; 0600, in memory only; hosts/postgres.py writes it."""

FOLLOW = "/run/transhume-follow"
"""The target's PostgreSQL follows the source's by it; see steps/replication/tunnel.py."""

HELD = ("rsync", "pg_dump")
"""What stands still while a copy is held back. Not ssh beside it, which answers the source's sshd:
that may cut off whoever is silent for some seconds (sshd_config(5), ClientAliveInterval)."""

MOST_LINES = 200
"""So many lines of what a command prints are kept while it is listened to, the last ones."""

PARTIAL = ".transhume-partial"
"""The folder beside a large file in which it grows until it is whole."""


@dataclass(frozen=True)
class Command:
    """What is typed on one machine: arguments, standard input, statuses that are no failure.

    `excused` is one more status and a pattern: where every complaint matches it, it is none either.
    """

    place: Place
    argv: tuple[str, ...]
    input: bytes = b""
    ok: tuple[int, ...] = (0,)
    excused: tuple[int, str] | None = None

    def succeeded(self, status: int, complaints: bytes) -> bool:
        """Whether it did what it should; `complaints` is its standard error."""
        if status in self.ok or self.excused is None or status != self.excused[0]:
            return status in self.ok
        lines = complaints.decode(errors="surrogateescape").rstrip("\n").split("\n")
        # Of very many only the last are known.
        return len(lines) < MOST_LINES and all(
            re.fullmatch(self.excused[1], line) for line in lines
        )

    def __str__(self) -> str:
        return shlex.join(self.argv)
