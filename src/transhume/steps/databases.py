"""Copy databases: dump in parallel, create like the source's, restore to the first error."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
from transhume.core.finding import Finding, Proof
from transhume.core.host import Host, Pair
from transhume.core.measured import Expected, Measured
from transhume.core.step import Step
from transhume.errors import StepFailed
from transhume.steps.database_proof import prove, prove_shape
from transhume.steps.described import Database, described
from transhume.steps.rows import schema

_KEEP = Keep("the target's databases are a copy; its own were those of an empty server")
# Settings whose value is a list of names: quoted as one they would name nothing.
_LISTS = (
    "search_path",
    "session_preload_libraries",
    "local_preload_libraries",
    "DateStyle",
    "temp_tablespaces",
)
_NAMES = "select datname from pg_database where not datistemplate"


def creation(database: Database) -> str:
    """SQL that makes the database empty and like the source's, whoever is connected to it.

    Explicit, because `pg_restore -C` into a database that exists always fails, and without -C
    the owner and the settings are lost.
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


@dataclass(frozen=True)
class Copier:
    """How the databases are dumped and restored: all at once, with `jobs` processes each.

    Every server has `names`; those of `optional` move where they exist.
    """

    names: tuple[str, ...]
    optional: tuple[str, ...]
    folder: str
    jobs: int

    def present(self, pair: Pair) -> tuple[str, ...]:
        """The databases to move; StepFailed when one that every server has is missing."""
        known = {name for (name,) in pair.source.sql("postgres", _NAMES)}
        missing = set(self.names) - known
        if missing:
            raise StepFailed(
                f"the source has no database {' and '.join(sorted(missing))}",
                remedy="is this the right machine, and its PostgreSQL the right cluster?",
            )
        return (*self.names, *(name for name in self.optional if name in known))

    def dump(self, pair: Pair) -> Iterator[Change]:
        """Dump all into the private folder."""
        names = self.present(pair)
        compress = "zstd:1" if _zstd(pair.target) else "1"
        acts = tuple(
            DumpDatabase(name, self.at(name), self.jobs, compress, _tables(pair.source, name))
            for name in names
        )
        yield Change(f"dump {', '.join(names)}", Together(acts), _KEEP)

    def create(self, pair: Pair) -> Iterator[Change]:
        """Create each anew like the source's, unless it is that and empty already."""
        for name in self.present(pair):
            database = described(pair.source, name)
            if database is None:
                continue
            if described(pair.target, name) != database or not _empty(pair.target, name):
                yield Change(f"create {name}", psql("postgres", creation(database)), _KEEP)

    def restore(self, pair: Pair) -> Iterator[Change]:
        """Restore all into empty databases."""
        names = self.present(pair)
        yield from self.create(pair)
        acts = tuple(
            RestoreDatabase(name, self.at(name), self.jobs, _entries(pair.target, self.at(name)))
            for name in names
        )
        yield Change(f"restore {', '.join(names)}", Together(acts), _KEEP)

    def at(self, name: str) -> str:
        """The folder of one database's dump."""
        return f"{self.folder}/{name}"


def _zstd(target: Host) -> bool:
    # pg_dump compresses with zstd from PostgreSQL 16 on.
    match = re.search(r"\) (\d+)", target.read("pg_dump", "--version"))
    return match is not None and int(match[1]) >= 16


def _tables(source: Host, name: str) -> int:
    query = "select count(*) from pg_class where relkind = 'r' and oid >= 16384"
    return int(source.sql(name, query)[0][0])


def _empty(target: Host, name: str) -> bool:
    return int(target.sql(name, "select count(*) from pg_class where oid >= 16384")[0][0]) == 0


def _entries(target: Host, folder: str) -> int:
    listing = target.ask("pg_restore", "--list", folder)
    return sum(1 for line in listing.text.splitlines() if line and not line.startswith(";"))


@dataclass(frozen=True)
class Rehearse(Step):
    """Dump and restore once while people work: what would fail in the outage fails now."""

    copier: Copier
    key = "rehearse-databases"
    title = "rehearse the databases"
    why = "A restore that fails, fails before anything is stopped; its time is the forecast."
    phase = "sync"
    rows = (13, 16)
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        if all(self._rehearsed(pair, name) for name in self.copier.present(pair)):
            return
        yield from self.copier.dump(pair)
        yield from self.copier.restore(pair)

    def verify(self, pair: Pair) -> Iterator[Proof]:
        for name in self.copier.present(pair):
            if not _empty(pair.target, name):
                yield from prove_shape(pair, name)

    def _rehearsed(self, pair: Pair, name: str) -> bool:
        """Whether the target holds a whole copy, or held one and was emptied for the last one."""
        there = described(pair.target, name)
        if there is None or described(pair.source, name) != there:
            return False
        dumped = pair.target.ask("test", "-e", f"{self.copier.at(name)}/toc.dat").status == 0
        return dumped and (
            _empty(pair.target, name) or schema(pair.source, name) == schema(pair.target, name)
        )


@dataclass(frozen=True)
class Empty(Step):
    """The target's databases are dropped and created like the source's."""

    copier: Copier
    key = "create-databases"
    title = "create empty databases"
    why = "Dropping the rehearsal's thousands of files takes its time; people needn't wait for it."
    phase = "cutover"
    rows = (16,)
    settled_by = "restore-databases"

    def run(self, pair: Pair) -> Iterator[Change]:
        yield from self.copier.create(pair)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        # The source isn't asked: after a kill in the freeze its server may be stopped.
        known = {name for (name,) in pair.target.sql("postgres", _NAMES)}
        for name in sorted(set(self.copier.names) - known):
            yield Finding("database-missing", "blocks", "target", f"there is no database {name}")


@dataclass(frozen=True)
class Dump(Step):
    """The databases as they stand while nobody writes."""

    copier: Copier
    key = "dump-databases"
    title = "dump the databases"
    why = "Both at once, in parallel, straight into a private folder on the target."
    phase = "cutover"
    account = "databases"
    rows = (13,)

    def run(self, pair: Pair) -> Iterator[Change]:
        yield from self.copier.dump(pair)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        for name in self.copier.present(pair):
            folder = self.copier.at(name)
            if pair.target.ask("pg_restore", "--list", folder).status != 0:
                yield Finding("dump-missing", "blocks", "target", f"no whole dump in {folder}")

    def expects(self, known: Measured) -> Expected:
        return rehearsed(self, known, "dump ") or super().expects(known)


@dataclass(frozen=True)
class Restore(Step):
    """The target's databases are filled."""

    copier: Copier
    key = "restore-databases"
    title = "restore the databases"
    why = "Into databases that were created explicitly, up to the first error: success is success."
    phase = "cutover"
    account = "databases"
    rows = (16,)
    settled_by = "start"

    def run(self, pair: Pair) -> Iterator[Change]:
        yield from self.copier.restore(pair)

    def verify(self, pair: Pair) -> Iterator[Proof]:
        for name in self.copier.present(pair):
            yield from prove(pair, name)

    def expects(self, known: Measured) -> Expected:
        return rehearsed(self, known, "restore ") or super().expects(known)


def rehearsed(step: Step, known: Measured, title: str) -> Expected | None:
    """As the change that begins with these words took in the rehearsal; None without one."""
    took = [
        seconds
        for (key, name), seconds in known.changes.items()
        if key == Rehearse.key and name.startswith(title)
    ]
    if step.key in known.steps or not took:
        return None
    return Expected(took[-1], took[-1] * 0.8, took[-1] * 1.5, "as in the rehearsal, under load")
