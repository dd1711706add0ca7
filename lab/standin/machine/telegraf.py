"""The stand-in for telegraf: polls both databases for ever and keeps its sessions open."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from . import db, settings

_QUERY = "SELECT numbackends, xact_commit FROM pg_stat_database WHERE datname = current_database()"


def poll(sessions: dict[str, Any], database: str) -> None:
    """Ask one database; a session that failed is opened anew the next time."""
    try:
        if database not in sessions:
            sessions[database] = db.connect(database, "telegraf")
            sessions[database].autocommit = True
        with sessions[database].cursor() as cursor:
            cursor.execute(_QUERY)
    except (db.driver().Error, OSError):
        session = sessions.pop(database, None)
        with suppress(Exception):
            if session:
                session.close()


def main() -> None:
    settings.notify("READY=1")
    sessions: dict[str, Any] = {}
    while True:
        for database in (db.DIRECTORY, db.MAIL):
            poll(sessions, database)
        time.sleep(0.5)


if __name__ == "__main__":
    main()
