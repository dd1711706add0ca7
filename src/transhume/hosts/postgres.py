"""PostgreSQL on both machines: one private service file for libpq, and read-only queries."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from transhume.core import ini
from transhume.core.change import SERVICE_FILE, Place
from transhume.core.host import LOCKED, OURS
from transhume.errors import StepFailed, TranshumeError, Unreachable
from transhume.hosts import snapshot
from transhume.hosts.kept import Kept
from transhume.hosts.snapshot import Connection

_REFUSED = "password authentication failed"
_READING = "-c default_transaction_read_only=on -c lock_timeout=10s"
"""Nothing that is only read waits for ever behind somebody's lock."""

SERVICE = {"source": "transhume-source", "target": "transhume-target"}


@dataclass(frozen=True)
class Credentials:
    """How a server's own programs log in, from its configuration."""

    user: str
    password: str
    port: int

    @classmethod
    def from_ini(cls, content: bytes | None, section: str = "global") -> Credentials | None:
        """What bm.ini says; None when it is missing or says nothing of use."""
        values = ini.section(content, section)
        try:
            return cls(values["user"], values["password"], int(values.get("port") or "5432"))
        except (KeyError, ValueError):
            return None


class Postgres:
    """Keeps the service file right: on the target the role's password changes during the move.

    `credentials` gives what each place may be logged in with, best first: until the source's
    password is set on the target, the one of the target's own wizard holds there.
    """

    def __init__(self, credentials: Callable[[Place], list[Credentials]], sockets: Path) -> None:
        self._credentials = credentials
        self._sockets = sockets
        self._chosen: dict[Place, Credentials] = {}
        self._lock = threading.Lock()
        self._kept = Kept(self._let_in)
        os.environ["PGSERVICEFILE"] = SERVICE_FILE

    def ensure(self, place: Place) -> None:
        """Make the service file work for this place, if any credentials do."""
        with self._lock:
            self._ensure(place)

    def _ensure(self, place: Place) -> None:
        if place in self._chosen and self._works(place) is None:
            return
        candidates = self._credentials(place)
        if not candidates:
            raise Unreachable(
                f"the {place} doesn't say how to log in to its PostgreSQL",
                remedy="[global] user, password and port must stand in /etc/bm/bm.ini",
            )
        for candidate in candidates:
            self._chosen[place] = candidate
            self._write()
            problem = self._works(place)
            if problem is None or _REFUSED not in problem:
                return

    def _works(self, place: Place) -> str | None:
        try:
            psycopg.connect(service=SERVICE[place], dbname="postgres", connect_timeout=10).close()
        except psycopg.OperationalError as error:
            return str(error)
        return None

    def _write(self) -> None:
        sections = []
        for place, chosen in self._chosen.items():
            host = str(self._sockets) if place == "source" else "127.0.0.1"
            port = 5432 if place == "source" else chosen.port
            sections.append(
                f"[{SERVICE[place]}]\nhost={host}\nport={port}\nuser={chosen.user}\n"
                f"password={chosen.password}\n"
            )
        path = Path(SERVICE_FILE)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        # As bm.ini has them, byte by byte: libpq takes the rest of a line for the value.
        with os.fdopen(descriptor, "wb") as file:
            file.write("\n".join(sections).encode(errors="surrogateescape"))
        part.replace(path)

    def query(
        self, place: Place, database: str, query: str, values: tuple[object, ...]
    ) -> list[tuple[Any, ...]]:
        """The rows of a query, in a read-only transaction; Unreachable, or StepFailed with why."""
        if place not in self._chosen:
            self.ensure(place)
        try:
            return self._kept.rows(place, database, query, values)
        except psycopg.Error as error:
            raise _told(place, database, error) from None

    def close(self, *places: Place) -> None:
        """Log out there: a database that somebody is connected to can't be dropped."""
        for place in places:
            self._kept.close(place)

    def snapshot(
        self, place: Place, database: str, jobs: int
    ) -> AbstractContextManager[snapshot.Snapshot]:
        """The database as it is now, over several connections."""
        if place not in self._chosen:
            self.ensure(place)
        return snapshot.opened(
            lambda: self._let_in(place, database),
            jobs,
            lambda error: _told(place, database, error),
        )

    def _let_in(self, place: Place, database: str) -> Connection:
        try:
            return _connect(place, database)
        except psycopg.OperationalError as error:
            if _REFUSED not in str(error):
                raise
        # The role's password has become another one.
        self.ensure(place)
        return _connect(place, database)


def _connect(place: Place, database: str) -> Connection:
    return psycopg.connect(
        service=SERVICE[place],
        dbname=database,
        connect_timeout=10,
        application_name=OURS,
        autocommit=True,
        options=_READING,
        # What a prepared query gives may not change, and tables do.
        prepare_threshold=None,
    )


def _told(place: Place, database: str, error: psycopg.Error) -> TranshumeError:
    if error.sqlstate == LOCKED:
        return StepFailed(
            f"a query on the {place}'s {database} waited for more than 10 s: a table is locked",
            remedy=f"on the {place}, who holds it: runuser -u postgres -- psql -c "
            "'select pid, usename, state, query from pg_stat_activity "
            "where pid in (select pid from pg_locks where mode like $$%Exclusive%$$)'",
        )
    if isinstance(error, psycopg.OperationalError):
        return Unreachable(
            f"the {place}'s PostgreSQL, database {database}, doesn't answer: {_first(error)}",
            remedy=f"on the {place}: systemctl status 'postgresql*' says why; when it is down: "
            "systemctl restart postgresql",
        )
    return StepFailed(f"a query on the {place}'s {database} failed: {_first(error)}")


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
