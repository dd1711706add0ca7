"""How databases are copied whole: dumped in parallel, created explicitly, restored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from psycopg import sql

from transhume.core.change import (
    Change,
    DumpDatabase,
    Keep,
    RestoreDatabase,
    Together,
    psql,
)
from transhume.core.host import Host, Pair
from transhume.errors import StepFailed
from transhume.steps.described import PRIVILEGES, Database, described
from transhume.steps.sized import database_sizes

_KEEP = Keep("the target's databases are a copy; its own were those of an empty server")
# Settings whose value is a list of names: quoted as one they would name nothing.
_LISTS = (
    "search_path",
    "session_preload_libraries",
    "local_preload_libraries",
    "DateStyle",
    "temp_tablespaces",
)
UNCOMPRESSED = "0"
NAMES = "select datname from pg_database where not datistemplate"


def creation(database: Database) -> str:
    """SQL that makes the database empty and like the source's, whoever is connected to it.

    Explicit, because `pg_restore -C` into a database that exists always fails, and without -C
    the owner, the settings, the comment and the privileges are lost.
    """
    name = sql.Identifier(database.name)
    parts = [
        sql.SQL("drop database if exists {} with (force);").format(name),
        sql.SQL(
            "create database {} owner {} template template0 encoding {} lc_collate {} lc_ctype {};"
        ).format(
            name,
            sql.Identifier(database.owner),
            sql.Literal(database.encoding),
            sql.Literal(database.collate),
            sql.Literal(database.ctype),
        ),
    ]
    parts += [_setting(name, role, value) for role, value in database.settings]
    if database.limit != -1:
        limit = sql.Literal(database.limit)
        parts.append(sql.SQL("alter database {} connection limit {};").format(name, limit))
    if database.comment:
        comment = sql.Literal(database.comment)
        parts.append(sql.SQL("comment on database {} is {};").format(name, comment))
    parts += _privileges(name, database)
    return "\n".join(part.as_string() for part in parts) + "\n"


def _setting(database: sql.Identifier, role: str, setting: str) -> sql.Composed:
    key, _, value = setting.partition("=")
    words = [word.strip().strip('"') for word in value.split(",")] if key in _LISTS else [value]
    whose = (
        sql.SQL("role {} in database {}").format(sql.Identifier(role), database)
        if role
        else sql.SQL("database {}").format(database)
    )
    listed = sql.SQL(", ").join(sql.Literal(word) for word in words)
    return sql.SQL("alter {} set {} to {};").format(whose, sql.Identifier(key), listed)


def _privileges(name: sql.Identifier, database: Database) -> list[sql.Composed]:
    if database.privileges is None:
        return []
    owner = sql.Identifier(database.owner)
    parts = [sql.SQL("revoke all on database {} from public, {};").format(name, owner)]
    for role, privilege, option in database.privileges:
        # The words are the source's; only these three are taken for SQL.
        if privilege in PRIVILEGES:
            grantee = sql.Identifier(role) if role else sql.SQL("public")
            end = sql.SQL(" with grant option;" if option else ";")
            grant = sql.SQL("grant {} on database {} to {}{}")
            parts.append(grant.format(sql.SQL(privilege), name, grantee, end))
    return parts


@dataclass(frozen=True)
class Copier:
    """How the databases are dumped and restored: all at once, by `jobs` processes in all.

    Every server has `names`; those of `optional` move where they exist.
    """

    names: tuple[str, ...]
    optional: tuple[str, ...]
    folder: str
    jobs: int

    def present(self, pair: Pair) -> tuple[str, ...]:
        """The databases to move; StepFailed when one that every server has is missing."""
        known = {name for (name,) in pair.source.sql("postgres", NAMES)}
        missing = set(self.names) - known
        if missing:
            raise StepFailed(
                f"the source has no database {' and '.join(sorted(missing))}",
                remedy="is this the right machine, and its PostgreSQL the right cluster?",
            )
        return (*self.names, *(name for name in self.optional if name in known))

    def dump(self, pair: Pair, names: tuple[str, ...], *, finish: bool) -> Iterator[Change]:
        """Dump these into the private folder; to `finish` is while everyone waits."""
        if not names:
            return
        compress, shares = compression(pair.target), self.shares(pair.source, names)
        acts = tuple(
            DumpDatabase(
                name, self.at(name), shares[name], compress, tables(pair.source, name), finish
            )
            for name in names
        )
        yield Change(f"dump {', '.join(names)}", Together(acts), _KEEP)

    def create(self, pair: Pair, names: tuple[str, ...]) -> Iterator[Change]:
        """Create each anew like the source's, unless it is that and empty already."""
        for name in names:
            database = described(pair.source, name)
            if database is None:
                continue
            if described(pair.target, name) != database or not empty(pair.target, name):
                yield Change(f"create {name}", psql("postgres", creation(database)), _KEEP)

    def restore(self, pair: Pair, names: tuple[str, ...]) -> Iterator[Change]:
        """Restore these into empty databases."""
        if not names:
            return
        yield from self.create(pair, names)
        shares = self.shares(pair.source, names)
        acts = tuple(
            RestoreDatabase(name, self.at(name), shares[name], _entries(pair.target, self.at(name)))
            for name in names
        )
        yield Change(f"restore {', '.join(names)}", Together(acts), _KEEP)

    def shares(self, source: Host, names: Iterable[str]) -> dict[str, int]:
        """How many processes each of these gets, by its size; at least one.

        As many for each as there are cores would only be in each other's way: the many small tables
        of this schema took twice the processor that way.
        """
        known = database_sizes(source)
        # One that was dropped a moment ago: to read it says so.
        sizes = {name: known.get(name, 1) for name in names}
        whole = sum(sizes.values())
        return {name: max(1, round(self.jobs * size / whole)) for name, size in sizes.items()}

    def at(self, name: str) -> str:
        """The folder of one database's dump."""
        return f"{self.folder}/{name}"


def compression(target: Host) -> str:
    """The compression that costs no time: an older pg_dump has only gzip, which is slower than a
    disk, and the dump lies on the machine that restores it."""
    return "zstd:1" if _zstd(target) else UNCOMPRESSED


def _zstd(target: Host) -> bool:
    # pg_dump compresses with zstd from PostgreSQL 16 on.
    match = re.search(r"\) (\d+)", target.read("pg_dump", "--version"))
    return match is not None and int(match[1]) >= 16


def tables(source: Host, name: str) -> int:
    """How many tables of the database hold data, for the bar."""
    query = "select count(*) from pg_class where relkind = 'r' and oid >= 16384"
    return int(source.sql(name, query)[0][0])


def empty(target: Host, name: str) -> bool:
    """Whether the database has nothing but what every new one has."""
    return int(target.sql(name, "select count(*) from pg_class where oid >= 16384")[0][0]) == 0


def _entries(target: Host, folder: str) -> int:
    listing = target.ask("pg_restore", "--list", folder)
    return sum(1 for line in listing.text.splitlines() if line and not line.startswith(";"))
