"""Whether the target really is the fresh machine: the older data must never overwrite the newer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg import sql

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.steps.requirements.roles import present

# The server's own estimate: counting them would read the whole table.
_NEWEST = """
select (select greatest(reltuples, 0)::bigint from pg_class where oid = {name}::regclass),
       {when}::text, {key}::text
from {table} order by {when} desc limit 1
"""
_KNOWN = "select 1 from {table} where {key} = {value} limit 1"
_HAS = "select 1 from pg_class where relname = %s"


def younger(database: str, table: str, when: str, key: str) -> Look:
    """The target must hold nothing newer than the source, and nothing that the source never had.

    `when` is the column of the table that has an index, `key` the one that names a row.
    """

    def look(pair: Pair) -> Iterator[Finding]:
        here = _newest(pair.target, database, table, when, key)
        if here is None:
            return  # A fresh machine, or one after a rollback.
        there = _newest(pair.source, database, table, when, key)
        # Not by their number: a rehearsal's copy still holds what the source has purged since.
        if there is None or here[1] > there[1]:
            told = f"{_many(there[0])} up to {there[1]}" if there else "none"
            yield Finding(
                "exchanged",
                "blocks",
                "target",
                f"the target holds {_many(here[0])} up to {here[1]}, the source {told}",
                "The newer data would be overwritten by the older.",
                "run transhume on the new machine, with the old one as its source",
            )
        elif not _known(pair.source, database, table, key, here[2]):
            yield Finding(
                "target-used",
                "warns",
                "target",
                f"it holds {_many(here[0])} up to {here[1]}, and the newest of them was never on "
                "the source",
                "They are replaced by the source's: what is here alone would be lost.",
                "look at it: is this the new machine? If so, accept it: "
                '[check] accept = ["target-used"]',
            )

    return look


def _many(estimated: int) -> str:
    return f"about {estimated:,} messages" if estimated else "messages"


def _newest(
    host: Host, database: str, table: str, when: str, key: str
) -> tuple[int, str, str] | None:
    """About how many rows there are, and the newest one's time and key; None without any."""
    if database not in present(host, (database,)) or not host.sql(database, _HAS, table):
        return None
    rows: list[tuple[Any, ...]] = host.sql(database, _query(_NEWEST, table, when, key))
    return (int(rows[0][0]), str(rows[0][1]), str(rows[0][2])) if rows else None


def _known(source: Host, database: str, table: str, key: str, value: str) -> bool:
    # As a literal without a type, which takes the column's: so the index is used.
    query = _query(_KNOWN, table, key, key, value=sql.Literal(value))
    return bool(source.sql(database, query))


def _query(text: str, table: str, when: str, key: str, **more: sql.Composable) -> str:
    columns = {"when": sql.Identifier(when), "key": sql.Identifier(key)}
    named = {"name": sql.Literal(table), "table": sql.Identifier(table)}
    return sql.SQL(text).format(**columns, **named, **more).as_string()
