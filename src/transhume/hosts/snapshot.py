"""Several connections that see one database as it was at one moment, and ask it side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import psycopg

from transhume.core.host import Answer
from transhume.errors import TranshumeError

Connection = psycopg.Connection[tuple[Any, ...]]

# How a value is written depends on all of these, so that two servers must agree on them: see
# https://www.postgresql.org/docs/current/runtime-config-client.html.
SESSION = """
set timezone to 'GMT'; set datestyle to 'ISO, YMD'; set intervalstyle to 'iso_8601';
set extra_float_digits to 3; set bytea_output to 'hex'; set xmlbinary to 'base64';
set lc_monetary to 'C'; set search_path to ''; set quote_all_identifiers to off;
set row_security to off; set jit to off; set statement_timeout to 0;
set idle_in_transaction_session_timeout to 0; set lock_timeout to '5s'
"""
"""What each connection sets for itself."""

_BEGIN = "begin isolation level repeatable read read only"
_CANCEL_SECONDS = 5.0


class Snapshot:
    """A database at one moment. Locks last as long as one query, so that many tables fit."""

    def __init__(
        self, connections: Sequence[Connection], told: Callable[[psycopg.Error], TranshumeError]
    ) -> None:
        self._free: SimpleQueue[Connection] = SimpleQueue()
        for connection in connections:
            self._free.put(connection)
        self._told = told
        self._pool = ThreadPoolExecutor(len(connections))
        self._asked: list[Future[Answer]] = []

    def read(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of one query, or the error that it ended with."""
        connection = self._free.get()
        try:
            return connection.execute(query.encode()).fetchall()
        except psycopg.Error as error:
            raise self._told(error) from None
        finally:
            self._free.put(connection)

    def ask(self, queries: Sequence[str]) -> Iterator[Answer]:
        """Begin all queries now, in this order; the answers come as they are ready."""
        asked = [self._pool.submit(self._answer, at, query) for at, query in enumerate(queries)]
        self._asked = [future for future in self._asked if not future.done()] + asked
        return self._answers(asked)

    def _answers(self, asked: list[Future[Answer]]) -> Iterator[Answer]:
        try:
            for future in as_completed(asked):
                yield future.result()
        except psycopg.Error as error:
            raise self._told(error) from None

    def _answer(self, at: int, query: str) -> Answer:
        connection = self._free.get()
        try:
            # Going back lets go of the locks; the snapshot stays.
            connection.execute("savepoint one")
            answer = _tried(connection, at, query)
            connection.execute("rollback to savepoint one")
            return answer
        finally:
            self._free.put(connection)

    def close(self) -> bool:
        """Begin no further query; whether one still runs."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        return any(not future.done() for future in self._asked)

    def wait(self) -> None:
        """Wait for the threads to end."""
        self._pool.shutdown()


def _tried(connection: Connection, at: int, query: str) -> Answer:
    try:
        return Answer(at, connection.execute(query.encode()).fetchall())
    except psycopg.Error as error:
        if connection.closed:
            raise
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Answer(at, [], said, error.sqlstate or "")


@contextmanager
def opened(
    connect: Callable[[], Connection], jobs: int, told: Callable[[psycopg.Error], TranshumeError]
) -> Iterator[Snapshot]:
    """One snapshot over `jobs` connections; whatever ends it leaves none of them behind."""
    connections: list[Connection] = []
    try:
        try:
            _join(connect, jobs, connections)
        except psycopg.Error as error:
            raise told(error) from None
        snapshot = Snapshot(connections, told)
        try:
            yield snapshot
        finally:
            if snapshot.close():
                for connection in connections:
                    connection.cancel_safe(timeout=_CANCEL_SECONDS)
            snapshot.wait()
    finally:
        for connection in connections:
            connection.close()


def _join(connect: Callable[[], Connection], jobs: int, connections: list[Connection]) -> None:
    """Fill the list; the first connection lends its snapshot to the others."""
    name = ""
    for _ in range(jobs):
        connection = connect()
        connections.append(connection)
        connection.execute(SESSION)
        connection.execute(_BEGIN)
        if name:
            connection.execute(f"set transaction snapshot '{name}'".encode())
        else:
            ((name,),) = connection.execute("select pg_export_snapshot()").fetchall()
