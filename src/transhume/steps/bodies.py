"""Mail bodies: each in a file that is named by its content, and in a row that names the file."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from psycopg import sql

from transhume.core.finding import Proof
from transhume.core.host import Host, Pair
from transhume.core.tally import Tally, Tell, untold
from transhume.steps import manifest

_PAGE = 50_000
_BATCH = 500
_PLACE = re.compile(r"([0-9a-f])/([0-9a-f])/(\1\2[0-9a-f]{38})\.zst")
Item = TypeVar("Item")
_FILES, _CONTENT, _STORE = "bodies: files", "bodies: content", "bodies: store"
_LOST = "a row without a file"
_LOCAL = ("", "cyrus", None)
"""Values of the setting archive_kind with which bodies lie on this machine's disks."""
_KIND = "select configuration -> 'archive_kind' from t_systemconf"


@dataclass(frozen=True)
class Bodies:
    """Where they are: folders of the form `<tier>/<h>/<h>/<sha1>.zst`, and the rows about them.

    The two folders are the first two digits of the SHA-1 of the message before it is compressed,
    which is the value of `column` in `table` of `database`.
    """

    tiers: tuple[str, ...]
    database: str
    table: str
    column: str

    def local(self, pair: Pair) -> bool:
        """Whether the server keeps its bodies on its own disks."""
        return all(kind in _LOCAL for (kind,) in pair.source.sql("bj", _KIND))

    def used(self, pair: Pair) -> tuple[str, ...]:
        """The tiers that either machine has: where nothing was ever archived there is no such."""
        hosts = (pair.source, pair.target)
        return tuple(
            tier
            for tier in self.tiers
            if any(host.ask("test", "-d", tier).status == 0 for host in hosts)
        )

    def at(self, path: str) -> str:
        """The SHA-1 that a path should hold; empty when it is no body's."""
        for tier in self.tiers:
            if path.startswith(f"{tier}/"):
                found = _PLACE.fullmatch(path[len(tier) + 1 :])
                return found[3] if found else ""
        return ""

    def rows(self, host: Host, names: Sequence[str]) -> frozenset[str]:
        """Those of these bodies that a machine has a row for."""
        query = sql.SQL("select encode({}, 'hex') from {} where {} = any(%s)").format(
            sql.Identifier(self.column), sql.Identifier(self.table), sql.Identifier(self.column)
        )
        wanted = [bytes.fromhex(name) for name in names]
        return frozenset(name for (name,) in host.sql(self.database, query.as_string(), wanted))

    def files(self, host: Host, names: Sequence[str]) -> frozenset[str]:
        """Those of these bodies that a machine has a file for, in any tier, and can read."""
        found = self.found(host, names)
        return frozenset(
            name for name, files in found.items() if not all(body.unread for body in files)
        )

    def found(
        self, host: Host, names: Sequence[str], *, read: bool = False
    ) -> dict[str, list[Body]]:
        """The files of these bodies on a machine, in whatever tier, also those it can't read."""
        only = tuple(map(_within, names))
        known: dict[str, list[Body]] = {}
        for tier in self.tiers:
            for body in _listed(host, tier, read=read, only=only):
                known.setdefault(body.name, []).append(body)
        return known

    def all_rows(self, host: Host) -> Iterator[str]:
        """The names in all rows, in order; a page at a time, so that no page fills the memory."""
        column, table = sql.Identifier(self.column), sql.Identifier(self.table)
        query = sql.SQL(
            "select encode({0}, 'hex') from {1} where {0} > %s order by {0} limit {2}"
        ).format(column, table, sql.Literal(_PAGE))
        last = b""
        while True:
            page = host.sql(self.database, query.as_string(), last)
            yield from (name for (name,) in page)
            if len(page) < _PAGE:
                return
            last = bytes.fromhex(page[-1][0])


@dataclass(frozen=True, order=True)
class Body:
    """One file: its name, its tier, and when it was read what it holds, as its name should say."""

    name: str
    tier: str
    holds: str = ""
    unread: str = ""
    """Why it couldn't be read; empty when it could."""

    def __str__(self) -> str:
        return f"{self.tier}/{_within(self.name)}"


def _within(name: str) -> str:
    return f"{name[0]}/{name[1]}/{name}.zst"


def _ignored(said: str) -> None:
    """Nobody counts it."""


def _listed(
    host: Host,
    tier: str,
    unlisted: Callable[[str], None] = _ignored,
    *,
    read: bool = False,
    only: tuple[str, ...] | None = None,
) -> Iterator[Body]:
    """The bodies in one tier, in order; `unlisted` hears of folders that can't be listed.

    A body may vanish meanwhile, and so may a folder: whoever needs it looks again.
    """
    tree = manifest.Tree(tier, contents="name" if read else "", only=only)
    for folder, name, fields in manifest.listing(host, tree):
        path = b"/".join((folder, name)).decode(errors="surrogateescape").rstrip("/")
        reason = fields[1].decode(errors="replace") if fields[0] == b"!" else ""
        found = _PLACE.fullmatch(path)
        if found and fields[0] in (b"f", b"!"):
            holds = "" if reason else fields[8].decode(errors="replace")
            yield Body(found[3], tier, holds, reason)
        elif reason and not name and reason != manifest.VANISHED:
            unlisted(f"{tier}/{path}".rstrip("/") + _unread(host, reason))


def _unread(host: Host, reason: str) -> str:
    return f": couldn't be read on the {host.place} ({reason})"


def _elsewhere(pair: Pair, tell: Tell) -> Proof:
    """Bodies that aren't on the machines' disks stay where they are: the target must look there."""
    tally = Tally(_STORE, "settings", tell)
    tally.note("archive_kind says that bodies aren't on its disks: they weren't compared")
    if pair.source.sql("bj", _KIND) == pair.target.sql("bj", _KIND):
        tally.equal()
    else:
        tally.differs("archive_kind isn't the source's")
    return tally.proof()


def prove_rows(pair: Pair, bodies: Bodies, tell: Tell = untold) -> Iterator[Proof]:
    """Every row's body has its file on the target; files without a row are noted.

    A body that the source had already lost is noted as well: it can't be moved.
    """
    if not bodies.local(pair):
        yield _elsewhere(pair, tell)
        return
    tally = Tally(_FILES, "rows", tell)
    tiers = (_listed(pair.target, tier, tally.differs) for tier in bodies.used(pair))
    # One that couldn't be read is looked for again, as is one that isn't there.
    files = (body.name for body in heapq.merge(*tiers) if not body.unread)
    for batch in batches(_paired(bodies.all_rows(pair.target), files)):
        lost = [name for name, row, file in batch if row and not file]
        tally.equal(sum(1 for _, row, file in batch if row and file))
        strange = [name for name, row, _ in batch if not row]
        # Mail that came after the page of rows was read has its row by now.
        rows = bodies.rows(pair.target, strange) if strange else ()
        for name in (name for name in strange if name not in rows):
            tally.note(f"{name}: a file without a row")
        if lost:
            _judge_lost(pair, bodies, lost, tally)
    # On a server that has no mail yet there is nothing to prove.
    if tally.compared or next(bodies.all_rows(pair.source), ""):
        yield tally.proof()


def _paired(rows: Iterator[str], files: Iterator[str]) -> Iterator[tuple[str, bool, bool]]:
    """Each name once, and whether there is a row and whether a file for it."""
    row, file = next(rows, ""), next(files, "")
    while row or file:
        name = min(filter(None, (row, file)))
        yield name, row == name, file == name
        if row == name:
            row = next(rows, "")
        # A body on its way to another tier is in both for a moment.
        while file == name:
            file = next(files, "")


def _judge_lost(pair: Pair, bodies: Bodies, names: Sequence[str], tally: Tally) -> None:
    """Look again: mail comes and goes meanwhile."""
    found = bodies.found(pair.target, names)
    kept = bodies.rows(pair.target, names)
    lost_before = bodies.rows(pair.source, names) - bodies.found(pair.source, names).keys()
    for name in names:
        files = found.get(name, [])
        if name not in kept or any(not body.unread for body in files):
            tally.equal()
        elif files:
            tally.differs(f"{files[0]}{_unread(pair.target, files[0].unread)}")
        elif name in lost_before:
            tally.equal()
            tally.note(f"{name}: lost on the source already")
        else:
            tally.differs(f"{name}: {_LOST}")


def prove_names(pair: Pair, bodies: Bodies, tell: Tell = untold) -> Iterator[Proof]:
    """Each body on the target, read whole, has the SHA-1 that its name says.

    One that hasn't is a difference, unless the source has the very same bytes: then it was damaged
    there already, is moved as it is, and noted.
    """
    if not bodies.local(pair):
        return
    tally = Tally(_CONTENT, "bodies", tell)
    for tier in bodies.used(pair):
        for batch in batches(_listed(pair.target, tier, tally.differs, read=True)):
            wrong = [body.name for body in batch if body.holds != body.name]
            tally.equal(len(batch) - len(wrong))
            if wrong:
                _judge_wrong(pair, bodies, tier, wrong, tally)
    if tally.compared or next(bodies.all_rows(pair.source), ""):
        yield tally.proof()


def _judge_wrong(pair: Pair, bodies: Bodies, tier: str, names: Sequence[str], tally: Tally) -> None:
    """Look again: one that was being written when it was read is whole by now, gone, or moved."""
    again = bodies.found(pair.target, names, read=True)
    kept = bodies.rows(pair.target, names)
    damaged = _damaged_before(pair, tier, names)
    for name in names:
        files = again.get(name, [])
        here = [body for body in files if body.tier == tier] or files
        if any(body.holds == name for body in here) or (not here and name not in kept):
            tally.equal()
        elif not here:
            tally.differs(f"{name}: {_LOST}")
        elif here[0].unread:
            tally.differs(f"{here[0]}{_unread(pair.target, here[0].unread)}")
        elif here[0].tier == tier and name in damaged:
            tally.equal()
            tally.note(f"{here[0]}: damaged on the source already, moved as it is")
        else:
            tally.differs(f"{here[0]}: its content isn't what its name says ({here[0].holds})")


def _damaged_before(pair: Pair, tier: str, names: Sequence[str]) -> frozenset[str]:
    """Those of these bodies that hold on the target what they hold on the source."""
    paths = {_within(name): name for name in names}
    tree = manifest.Tree(tier, contents="bytes", only=tuple(paths))
    changed = {
        paths[difference.path]
        for merged in manifest.listings(pair, [tree], len(paths))
        for difference in merged.differing
        if not difference.same_content
    }
    return frozenset(names) - changed


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items, so many together as are worth one question."""
    left = iter(items)
    while batch := list(islice(left, _BATCH)):
        yield batch
