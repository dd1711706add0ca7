"""A Command is what is typed on one machine; here are the files that lead to them, too."""

from __future__ import annotations

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

PARTIAL = ".transhume-partial"
"""The folder beside a large file in which it grows until it is whole."""


@dataclass(frozen=True)
class Command:
    """What is typed on one machine: arguments, standard input, statuses that are no failure."""

    place: Place
    argv: tuple[str, ...]
    input: bytes = b""
    ok: tuple[int, ...] = (0,)

    def __str__(self) -> str:
        return shlex.join(self.argv)
