"""How many bytes a server's databases and tablespaces hold."""

from __future__ import annotations

from dataclasses import dataclass

from transhume.core.host import Host

_DATABASES = "select datname, pg_database_size(oid) from pg_database"
_TABLESPACES = """
select spcname, pg_tablespace_location(t.oid), pg_tablespace_size(t.oid), array(
    select datname::text from pg_database d
    where d.oid in (select pg_tablespace_databases(t.oid))
) from pg_tablespace t where spcname not in ('pg_default', 'pg_global') order by 1
"""


@dataclass(frozen=True)
class Tablespace:
    """One that somebody made: its folder, its bytes, the databases that have something in it."""

    name: str
    folder: str
    bytes: int
    databases: frozenset[str]


def database_sizes(host: Host) -> dict[str, int]:
    """The bytes of each database, wherever its tables lie."""
    return {name: int(size) for name, size in host.sql("postgres", _DATABASES)}


def tablespaces(host: Host) -> list[Tablespace]:
    """Those that somebody made, by name."""
    rows = host.sql("postgres", _TABLESPACES)
    return [
        Tablespace(name, folder, int(size), frozenset(databases))
        for name, folder, size, databases in rows
    ]
