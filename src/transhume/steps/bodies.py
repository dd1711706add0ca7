"""Mail bodies: each in a file that is named by its content, and in a row that names the file."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from psycopg import sql

from transhume.core.finding import Proof
from transhume.core.host import Host, Pair
from transhume.core.tally import Tally, Tell, untold
from transhume.errors import StepFailed
from transhume.steps import manifest

_PAGE = 50_000
_BATCH = 500
_PLACE = re.compile(r"([0-9a-f])/([0-9a-f])/(\1\2[0-9a-f]{38})\.zst")
Item = TypeVar("Item")
_LOCAL = ("", "cyrus", None)
"""Values of the setting archive_kind with which bodies lie on this machine's disks."""


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
        rows = pair.source.sql("bj", "select configuration -> 'archive_kind' from t_systemconf")
        return all(kind in _LOCAL for (kind,) in rows)

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
        """Those of these bodies that a machine has a file for, in any tier."""
        return frozenset(
            found.name
            for tier in self.tiers
            for found in _listed(host, tier, only=tuple(_within(name) for name in names))
        )

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


def _within(name: str) -> str:
    return f"{name[0]}/{name[1]}/{name}.zst"


def _listed(
    host: Host, tier: str, *, read: bool = False, only: tuple[str, ...] | None = None
) -> Iterator[Body]:
    """The bodies in one tier, in order; StepFailed when a folder or a body can't be read."""
    tree = manifest.Tree(tier, contents="name" if read else "", only=only)
    for folder, name, fields in manifest.listing(host, tree):
        path = b"/".join((folder, name)).decode(errors="surrogateescape")
        if fields[0] == b"!":
            reason = fields[1].decode(errors="replace")
            raise StepFailed(f"{tier}/{path} couldn't be read on the {host.place}: {reason}")
        found = _PLACE.fullmatch(path)
        if found and fields[0] == b"f":
            yield Body(found[3], tier, fields[8].decode(errors="replace"))


def prove_rows(pair: Pair, bodies: Bodies, tell: Tell = untold) -> Iterator[Proof]:
    """Every row's body has its file on the target; files without a row are noted.

    A body that the source had already lost is noted as well: it can't be moved.
    """
    if not bodies.local(pair):
        return
    tally = Tally("bodies: files", "rows", tell)
    files = heapq.merge(*(_listed(pair.target, tier) for tier in bodies.used(pair)))
    paired = _paired(bodies.all_rows(pair.target), (body.name for body in files))
    for batch in batches(paired):
        lost = [name for name, row, file in batch if row and not file]
        tally.equal(sum(1 for _, row, file in batch if row and file))
        for name in (name for name, row, _ in batch if not row):
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
    there = bodies.files(pair.target, names)
    kept = bodies.rows(pair.target, names)
    lost_before = bodies.rows(pair.source, names) - bodies.files(pair.source, names)
    for name in names:
        if name in there or name not in kept:
            tally.equal()
        elif name in lost_before:
            tally.equal()
            tally.note(f"{name}: lost on the source already")
        else:
            tally.differs(f"{name}: a row without a file")


def prove_names(pair: Pair, bodies: Bodies, tell: Tell = untold) -> Iterator[Proof]:
    """Each body on the target, read whole, has the SHA-1 that its name says.

    One that hasn't is a difference, unless the source has the very same bytes: then it was damaged
    there already, is moved as it is, and noted.
    """
    if not bodies.local(pair):
        return
    tally = Tally("bodies: content", "bodies", tell)
    for tier in bodies.used(pair):
        for batch in batches(_listed(pair.target, tier, read=True)):
            wrong = [body for body in batch if body.holds != body.name]
            tally.equal(len(batch) - len(wrong))
            if wrong:
                _judge_wrong(pair, tier, wrong, tally)
    if tally.compared or next(bodies.all_rows(pair.source), ""):
        yield tally.proof()


def _judge_wrong(pair: Pair, tier: str, wrong: Sequence[Body], tally: Tally) -> None:
    paths = tuple(_within(body.name) for body in wrong)
    tree = manifest.Tree(tier, contents="bytes", only=paths)
    differing = {
        difference.path: difference
        for merged in manifest.listings(pair, [tree], len(paths))
        for difference in merged.differing
    }
    # One that was being written when it was read is whole by now, or gone.
    again = {body.name: body.holds for body in _listed(pair.target, tier, read=True, only=paths)}
    for body, path in zip(wrong, paths, strict=True):
        other = differing.get(path)
        if again.get(body.name, body.name) == body.name:
            tally.equal()
        elif other is None or other.same_content:
            tally.equal()
            tally.note(f"{tier}/{path}: damaged on the source already, moved as it is")
        else:
            tally.differs(f"{tier}/{path}: its content isn't what its name says ({body.holds})")


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items, so many together as are worth one question."""
    left = iter(items)
    while batch := list(islice(left, _BATCH)):
        yield batch
