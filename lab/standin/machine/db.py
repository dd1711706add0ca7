"""The stand-in's sessions on its two databases, over 127.0.0.1 with the password of bm.ini."""

from __future__ import annotations

import importlib
import queue
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from . import settings

DIRECTORY = "bj"
MAIL = "bj-data"


def driver() -> Any:
    """Import Debian's psycopg2 late: it exists inside the machines only."""
    return importlib.import_module("psycopg2")


def troubles() -> tuple[type[Exception], ...]:
    """Return what a database or a host that is away raises."""
    return (driver().Error, OSError, LookupError)


def connect(database: str, application: str) -> Any:
    known = settings.ini()
    return driver().connect(
        host="127.0.0.1",
        port=int(known.get("port", "5432")),
        dbname=database,
        user=known["user"],
        password=known["password"],
        application_name=application,
        connect_timeout=5,
    )


class Pool:
    """Keeps sessions open, as the real pool does; a session that failed is thrown away."""

    def __init__(self, database: str, application: str = "bm-core") -> None:
        self._database = database
        self._application = application
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Yield a cursor; commit at the end, roll back and forget the session on any error."""
        session = self._take()
        try:
            with session.cursor() as cursor:
                yield cursor
            session.commit()
        except BaseException:
            with suppress(Exception):
                session.close()
            raise
        self._idle.put(session)

    def rows(self, sql: str, *values: Any) -> list[Any]:
        with self.transaction() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def _take(self) -> Any:
        """Reuse an idle session that still answers: PostgreSQL may have restarted meanwhile."""
        while True:
            try:
                session = self._idle.get_nowait()
            except queue.Empty:
                return connect(self._database, self._application)
            if _alive(session):
                return session


def _alive(session: Any) -> bool:
    try:
        with session.cursor() as cursor:
            cursor.execute("SELECT 1")
        session.rollback()
    except driver().Error:
        return False
    return True
