"""Two real PostgreSQL servers in a temporary folder, to look at as the two machines."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.fakes import FakeHost
from transhume.core.host import Pair
from transhume.errors import StepFailed, TranshumeError
from transhume.hosts import snapshot

PROGRAM = "pg_ctl"
_OPTIONS = (
    "-c listen_addresses='' -c fsync=off -c wal_level=logical -c max_connections=40 "
    "-c wal_retrieve_retry_interval=50ms"
)


@dataclass
class Server(FakeHost):
    """A fake machine with a real PostgreSQL."""

    folder: Path = Path()

    def connect(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection that may alter; each statement for itself."""
        return psycopg.connect(host=str(self.folder), user="bj", dbname=database, autocommit=True)

    def run(self, database: str, script: str) -> None:
        """Alter something."""
        with self.connect(database) as connection:
            connection.execute(script.encode())

    def sql(self, database: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self.connect(database) as connection:
            return connection.execute(query.encode(), values or None).fetchall()

    def snapshot(  # type: ignore[override]
        self, database: str, jobs: int
    ) -> AbstractContextManager[snapshot.Snapshot]:
        """The database as it is now."""
        return snapshot.opened(lambda: self.connect(database), jobs, _told)


def _told(error: psycopg.Error) -> TranshumeError:
    return StepFailed(str(error).splitlines()[0])


def _as_owner(folder: Path) -> tuple[str, ...]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return ()
    owner = pwd.getpwnam("postgres" if "postgres" in _users() else "nobody")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return ("setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups")


def _users() -> set[str]:
    return {entry.pw_name for entry in pwd.getpwall()}


@contextmanager
def _server(host: Server) -> Iterator[Server]:
    host.folder.mkdir(mode=0o700)
    who = _as_owner(host.folder)
    data = str(host.folder / "data")
    ctl = (*who, PROGRAM, "-s", "-w", "-D", data)
    made = "-A trust -U bj -E UTF8 --locale=C.UTF-8 --no-sync"
    subprocess.run((*ctl, "-o", made, "init"), check=True, stdout=subprocess.DEVNULL)
    own = f"{_OPTIONS} -k {host.folder}"
    log = str(host.folder / "log")
    subprocess.run((*ctl, "-o", own, "-l", log, "start"), check=True)
    try:
        yield host
    finally:
        subprocess.run((*ctl, "-m", "fast", "stop"), check=True)


@contextmanager
def servers(folder: Path) -> Iterator[Pair]:
    """A pair of machines whose servers have no databases yet but their own."""
    # A socket's path may have 107 bytes and every folder above must let the owner through.
    folder.chmod(0o755)
    said = {"nproc": "2\n"}
    source = Server("source", said=dict(said), folder=folder / "source")
    target = Server("target", said=dict(said), folder=folder / "target")
    try:
        with _server(source), _server(target):
            yield Pair(source, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
