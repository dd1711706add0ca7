"""Connections to PostgreSQL that stay between queries: to log in takes longer than most queries."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg

from transhume.core.change import Place
from transhume.core.host import LOCKED
from transhume.hosts.snapshot import Connection


class Kept:
    """Gives each query a connection of its own for as long as it runs; safe from many threads.

    Each query is a transaction of its own, so that it sees the present.
    """

    def __init__(self, connect: Callable[[Place, str], Connection]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._idle: dict[tuple[Place, str], list[Connection]] = {}

    def rows(
        self, place: Place, database: str, query: str, values: tuple[object, ...]
    ) -> list[tuple[Any, ...]]:
        """The rows of a query that only reads; psycopg's error when it fails."""
        known = self._taken(place, database)
        if known is not None:
            try:
                return self._asked(known, place, database, query, values)
            except psycopg.OperationalError as error:
                if error.sqlstate == LOCKED:
                    raise
        # There is none, or it was lost while nobody asked: the server, or the way to it, restarted.
        return self._asked(self._connect(place, database), place, database, query, values)

    def _taken(self, place: Place, database: str) -> Connection | None:
        with self._lock:
            idle = self._idle.get((place, database))
            return idle.pop() if idle else None

    def _asked(
        self,
        connection: Connection,
        place: Place,
        database: str,
        query: str,
        values: tuple[object, ...],
    ) -> list[tuple[Any, ...]]:
        try:
            found = connection.execute(query.encode(), values or None).fetchall()
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.setdefault((place, database), []).append(connection)
        return found

    def close(self, place: Place) -> None:
        """Log out from the servers of this place, wherever nothing is being asked."""
        with self._lock:
            idle = [key for key in self._idle if key[0] == place]
            left = [connection for key in idle for connection in self._idle.pop(key)]
        for connection in left:
            connection.close()
