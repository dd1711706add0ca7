"""A Change is one alteration as frozen data, with its way back beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias, get_args

from transhume.core.command import KEY as KEY
from transhume.core.command import PARTIAL as PARTIAL
from transhume.core.command import SERVICE_FILE as SERVICE_FILE
from transhume.core.command import SSH_BULK as SSH_BULK
from transhume.core.command import SSH_CONFIG as SSH_CONFIG
from transhume.core.command import Command as Command
from transhume.core.command import Place as Place
from transhume.core.tree_acts import SeedTree as SeedTree
from transhume.core.tree_acts import SyncFiles as SyncFiles
from transhume.core.tree_acts import SyncPaths as SyncPaths
from transhume.core.tree_acts import SyncTree as SyncTree


@dataclass(frozen=True)
class Run:
    """Run one command; it must be safe to run again."""

    place: Place
    argv: tuple[str, ...]
    input: bytes = b""
    ok: tuple[int, ...] = (0,)

    def commands(self) -> Iterator[Command]:
        yield Command(self.place, self.argv, self.input, self.ok)


# The length: to cat the end of a line that dies is the end of the file.
_WRITE = (
    'd=$(dirname "$1") && mkdir -p "$d" && t=$(mktemp "$d/.transhume.XXXXXX") || exit; '
    'cat >"$t" && test "$(wc -c <"$t")" -eq "$4" && chmod "$2" "$t" && chown "$3" "$t" && '
    'sync "$t" && mv -fT "$t" "$1" && sync "$d" || { rm -f "$t"; exit 1; }'
)


@dataclass(frozen=True)
class WriteFile:
    """Put a whole file in its place, atomically and durably; `mode` octal, `owner` user:group."""

    place: Place
    path: str
    content: bytes
    mode: str = "0644"
    owner: str = "root:root"

    def commands(self) -> Iterator[Command]:
        words = (self.path, self.mode, self.owner, str(len(self.content)))
        yield Command(self.place, ("sh", "-c", _WRITE, "write-file", *words), self.content)


@dataclass(frozen=True)
class RemoveFile:
    """Remove one file; nothing happens when it isn't there."""

    place: Place
    path: str

    def commands(self) -> Iterator[Command]:
        yield Command(self.place, ("rm", "-f", "--", self.path))


@dataclass(frozen=True)
class DumpDatabase:
    """Dump one database of the source into a private folder on the target, over ssh, in parallel.

    The target's pg_dump is used: a newer one may read an older server, never the other way
    (https://www.postgresql.org/docs/current/app-pgdump.html, Notes). `tables` is how many tables
    hold data, for the bar. `finish` is the dump while nobody writes.
    """

    database: str
    folder: str
    jobs: int
    compress: str
    tables: int = 0
    finish: bool = False

    def commands(self) -> Iterator[Command]:
        yield Command("target", ("rm", "-rf", "--", self.folder))
        yield Command("target", ("mkdir", "-p", "-m", "0700", self.folder.rpartition("/")[0]))
        options = ("--format=directory", f"--jobs={self.jobs}", f"--compress={self.compress}")
        where = _service("source", self.database)
        yield Command(
            "target",
            (*_PG_ENV, "pg_dump", "--verbose", *options, f"--file={self.folder}", "-d", where),
        )


@dataclass(frozen=True)
class RestoreDatabase:
    """Restore a dumped folder into an empty database of the target; the first error ends it.

    `entries` is how many entries the dump has, for the bar; 0 when nobody counted.
    """

    database: str
    folder: str
    jobs: int
    entries: int = 0

    def commands(self) -> Iterator[Command]:
        options = ("--exit-on-error", f"--jobs={self.jobs}")
        where = _service("target", self.database)
        # Each of its thousands of entries is a transaction. One wait for the log at the end makes
        # all durable; a restore that a power failure cuts off is made again from its start.
        quick = (*_PG_ENV, "PGOPTIONS=-c synchronous_commit=off")
        yield Command(
            "target", (*quick, "pg_restore", "--verbose", *options, "-d", where, self.folder)
        )
        yield from psql(self.database, _FLUSH).commands()


@dataclass(frozen=True)
class SeedDatabase:
    """Copy one database into an empty one, as it stood when a logical slot was made for it.

    `program` is the text of agent/under_snapshot.py. The dump is removed again: it was only a way.
    """

    database: str
    slot: str
    folder: str
    jobs: int
    compress: str
    program: bytes
    tables: int = 0

    def commands(self) -> Iterator[Command]:
        dump = DumpDatabase(self.database, self.folder, self.jobs, self.compress)
        restore = RestoreDatabase(self.database, self.folder, self.jobs)
        *before, dumping = dump.commands()
        restoring, *after = restore.commands()
        yield from before
        where = f"{_service('source', self.database)} replication=database"
        # The target gets what its own publications and subscriptions are by the move alone.
        own = ("--no-publications", "--no-subscriptions")
        words = ("--", *dumping.argv, *own, "--", *restoring.argv)
        argv = (*_PG_ENV, "python3", "-I", "-", where, self.slot, *words)
        yield Command("target", argv, self.program)
        yield from after
        yield Command("target", ("rm", "-rf", "--", self.folder))


_FLUSH = "select pg_logical_emit_message(true, 'transhume', 'restored');\n"
_PG_ENV = ("env", f"PGSERVICEFILE={SERVICE_FILE}")


def _service(place: Place, database: str) -> str:
    """How libpq reaches a database there; quotes as its connection strings have them."""
    quoted = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"service=transhume-{place} dbname='{quoted}'"


def psql(database: str, script: str) -> Run:
    """A script for the target's psql, through standard input; its first error ends it."""
    where = _service("target", database)
    options = ("-X", "-q", "-v", "ON_ERROR_STOP=1")
    return Run("target", (*_PG_ENV, "psql", *options, "-d", where), script.encode())


@dataclass(frozen=True)
class Await:
    """Wait until a reading command succeeds, at most `limit` seconds."""

    place: Place
    argv: tuple[str, ...]
    limit: int

    def commands(self) -> Iterator[Command]:
        yield Command(self.place, self.argv)


@dataclass(frozen=True)
class Pause:
    """Ask the admin to do something that only they can do, and wait until they say it is done."""

    message: str

    def commands(self) -> Iterator[Command]:
        return iter(())


@dataclass(frozen=True)
class Reroute:
    """From here on reach the source by another address; `to` is empty for the usual one."""

    to: str

    def commands(self) -> Iterator[Command]:
        return iter(())


@dataclass(frozen=True)
class Series:
    """Several acts, one after the other."""

    acts: tuple[Act, ...]

    def commands(self) -> Iterator[Command]:
        for act in self.acts:
            yield from act.commands()


@dataclass(frozen=True)
class Together:
    """Several acts at the same time; all are waited for, then the first error counts."""

    acts: tuple[Act, ...]

    def commands(self) -> Iterator[Command]:
        for act in self.acts:
            yield from act.commands()


Act: TypeAlias = (
    Run
    | WriteFile
    | RemoveFile
    | SyncTree
    | SyncPaths
    | SeedTree
    | SyncFiles
    | DumpDatabase
    | RestoreDatabase
    | SeedDatabase
    | Await
    | Pause
    | Reroute
    | Series
    | Together
)

KINDS: dict[str, type] = {kind.__name__: kind for kind in get_args(Act)}
"""Every kind of act by its name: what the journal needs to read one back."""


@dataclass(frozen=True)
class Keep:
    """The way back leaves this alteration as it is, for this reason."""

    reason: str


@dataclass(frozen=True)
class Never:
    """There is no way back from this alteration, for this reason: the point of no return."""

    reason: str


@dataclass(frozen=True)
class Carry:
    """From here on people write on the target. The way back begins with a walk of its own, which
    carries to the source what came since: the plan's phase *back*."""

    reason: str


Back: TypeAlias = "Act | Keep | Never | Carry"
"""The way back from an alteration: an act, or a word that there is none to make."""


@dataclass(frozen=True)
class Change:
    """One alteration: what it does in a few words, the act, and the way back beside it."""

    title: str
    act: Act
    back: Back

    def places(self) -> frozenset[Place]:
        """The machines that the act alters or asks something of."""
        return frozenset(command.place for command in self.act.commands())


def leaves(act: Act) -> Iterator[Act]:
    """The single acts inside an act, in order."""
    if isinstance(act, (Series, Together)):
        for inner in act.acts:
            yield from leaves(inner)
    else:
        yield act
