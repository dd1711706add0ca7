"""Remedies that hold names from the machines: quoted, so that pasting runs nothing else."""

from __future__ import annotations

import shlex

from psycopg import sql


def as_postgres(statement: str, database: str = "postgres", **values: sql.Composable) -> str:
    """What to type as root for one SQL statement; the values are put between its braces."""
    text = sql.SQL(statement).format(**values).as_string()
    return f"runuser -u postgres -- psql -c {shlex.quote(text)} {shlex.quote(database)}"


def accepting(key: str) -> str:
    """What to write into the settings to go on with a warning."""
    return f'accept it: [check] accept = ["{key}"]'


def quoted(*words: str) -> str:
    """Words as the shell reads them back."""
    return shlex.join(words)
