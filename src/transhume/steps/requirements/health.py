"""How well the source's PostgreSQL is: what is broken there doesn't get better by moving."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import OURS, Pair
from transhume.steps.requirements.remedy import as_postgres
from transhume.steps.requirements.roles import present

_INVALID = """
select n.nspname, c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
where not i.indisvalid and c.relkind = 'i' order by 1, 2
"""
_PREPARED = "select gid, owner, database from pg_prepared_xacts where database = any(%s)"
_CONNECTIONS = f"""
select current_setting('max_connections')::int
           - current_setting('superuser_reserved_connections')::int,
       (select count(*) from pg_stat_activity
           where backend_type = 'client backend' and application_name <> '{OURS}')
"""
# What a collation was made with and what the C library is now, where PostgreSQL keeps it.
_STALE = """
select collname, collversion, pg_collation_actual_version(oid) from pg_collation
where collversion <> pg_collation_actual_version(oid)
"""
_LIBRARY = """
select coalesce(max(pg_collation_actual_version(oid)), 'none') from pg_collation
where collprovider = 'c'
"""
_MAJOR = "select current_setting('server_version_num')::int / 10000"
_STALE_DATABASE = """
select datname, datcollversion, pg_database_collation_actual_version(oid) from pg_database
where datname = any(%s) and datcollversion <> pg_database_collation_actual_version(oid)
"""


def indexes(names: tuple[str, ...]) -> Look:
    """An index that was never finished is built anew on the target, or fails there."""

    def look(pair: Pair) -> Iterator[Finding]:
        for database in present(pair.source, names):
            for schema, name in pair.source.sql(database, _INVALID):
                yield Finding(
                    "index-invalid",
                    "warns",
                    "source",
                    f"the index {name} of {database} is invalid",
                    "It is built anew on the target; a unique one fails there if rows repeat.",
                    "on the source: "
                    + as_postgres(
                        "reindex index {index}", database, index=sql.Identifier(schema, name)
                    ),
                )

    return look


def collations(names: tuple[str, ...]) -> Look:
    """Where the C library was changed under an index, rows may repeat that must not."""

    def look(pair: Pair) -> Iterator[Finding]:
        stale = [
            (f"{name} in {database}", before, now)
            for database in present(pair.source, names)
            for name, before, now in pair.source.sql(database, _STALE)
        ]
        if pair.source.sql("postgres", _MAJOR)[0][0] >= 15:
            stale += pair.source.sql("postgres", _STALE_DATABASE, list(names))
        for name, before, now in stale:
            yield Finding(
                "collation-stale",
                "warns",
                "source",
                f"{name} was sorted by version {before} of the C library, which is {now} now",
                "Its indexes may have let the same key in twice: a unique one can't be built then.",
                "on the source, at a quiet hour: runuser -u postgres -- reindexdb --all",
            )

    return look


def libraries(pair: Pair) -> Iterator[Finding]:
    """The C library sorts text, and each version of it a little otherwise."""
    there, here = (str(host.sql("postgres", _LIBRARY)[0][0]) for host in (pair.source, pair.target))
    if there != here:
        yield Finding(
            "collation-version",
            "notes",
            "both",
            f"the C library sorts by version {here} here, by {there} on the source",
            "That is why the databases move row by row: every index is built anew.",
        )


def prepared(names: tuple[str, ...]) -> Look:
    """A transaction that was prepared and forgotten holds its locks for ever."""

    def look(pair: Pair) -> Iterator[Finding]:
        for name, owner, database in pair.source.sql("postgres", _PREPARED, list(names)):
            yield Finding(
                "prepared-transaction",
                "blocks",
                "source",
                f"the transaction {name} of {owner} was prepared and never ended",
                "What it holds would be missing from the copy, and its locks stop a dump.",
                "on the source, unless it is to be committed: "
                + as_postgres(
                    "rollback prepared {name}", name=sql.Literal(name), database=database
                ),
            )

    return look


def connections(names: tuple[str, ...], jobs: int) -> Look:
    """A parallel dump of each database needs connections that the server has left."""

    def look(pair: Pair) -> Iterator[Finding]:
        most, used = pair.source.sql("postgres", _CONNECTIONS)[0]
        # Each database has one at least, beside the one that leads its dump.
        wanted = jobs + 2 * len(names) + 2
        if most - used < wanted:
            yield Finding(
                "connections",
                "warns",
                "source",
                f"{used} of {most} connections to its PostgreSQL are used; the move wants {wanted}",
                "The dump would be refused, or people would be.",
                "raise max_connections there, or set fewer: [databases] jobs = 1",
            )

    return look
