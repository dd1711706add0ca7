"""How many rows each table holds and a hash of them, computed in the server, all cores at work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from psycopg import sql

from transhume.core.host import LOCKED, Answer, Snapshot
from transhume.steps.tables import Name, Table

# Small tables go together: a query each would cost more than reading them.
_TOGETHER_BYTES = 16 << 20
_TOGETHER_TABLES = 32
# Floats are written shortest and exactly from this major on; before, not so that they compare:
# https://www.postgresql.org/docs/12/release-12.html (extra_float_digits).
EXACT_FLOATS = 120000


@dataclass(frozen=True)
class Held:
    """What a table holds: rows, and the sum of a 64-bit hash of each, whatever their order."""

    rows: int = 0
    total: int = 0

    def __add__(self, other: Held) -> Held:
        return Held(self.rows + other.rows, self.total + other.total)


@dataclass(frozen=True)
class Unread:
    """Why a table couldn't be read."""

    problem: str
    locked: bool


Contents: TypeAlias = "dict[Name, Held | Unread]"


@dataclass(frozen=True)
class _Piece:
    table: Table
    where: sql.Composable
    bytes: int


@dataclass
class Reading:
    """The reading of one side: begun when it is made, whole when it was gone through."""

    snapshot: Snapshot
    tables: Sequence[Table]
    floats: bool
    held: Contents = field(default_factory=dict)

    def __post_init__(self) -> None:
        # What has no block has no row.
        self.held |= {table.name: Held() for table in self.tables if not table.blocks}
        filled = (table for table in self.tables if table.blocks)
        self._groups = list(_groups(_pieces(filled)))
        self._answers = self.snapshot.ask([_query(group, self.floats) for group in self._groups])

    def bytes(self) -> Iterator[int]:
        """Read on; how many bytes of tables each answer was about."""
        alone: list[_Piece] = []
        for answer in self._answers:
            group = self._groups[answer.at]
            if answer.problem and len(group) > 1:
                # One of them is the reason; the others can be read.
                alone += group
                continue
            yield self._add(group, answer)
        again = self.snapshot.ask([_query([piece], self.floats) for piece in alone])
        for answer in again:
            yield self._add([alone[answer.at]], answer)

    def _add(self, group: list[_Piece], answer: Answer) -> int:
        if answer.problem:
            self.held[group[0].table.name] = Unread(answer.problem, answer.code == LOCKED)
        for at, rows, total in answer.rows:
            name = group[at].table.name
            former = self.held.get(name, Held())
            if isinstance(former, Held):
                self.held[name] = former + Held(int(rows), int(total))
        return sum(piece.bytes for piece in group)


def _pieces(tables: Iterable[Table]) -> list[_Piece]:
    """Parts of all tables, the big ones first: the last to end should be small."""
    found = [
        _Piece(table, where, table.bytes // len(cut))
        for table in tables
        for cut in [table.pieces()]
        for where in cut
    ]
    return sorted(found, key=lambda piece: -piece.bytes)


def _groups(pieces: list[_Piece]) -> Iterator[list[_Piece]]:
    group: list[_Piece] = []
    for piece in pieces:
        full = sum(each.bytes for each in group) + piece.bytes > _TOGETHER_BYTES
        if group and (full or len(group) == _TOGETHER_TABLES):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def _query(group: Sequence[_Piece], floats: bool) -> str:
    one = "select {}::int, count(*), coalesce(sum({}), 0)::text from {} where {}"
    parts = [
        sql.SQL(one).format(
            sql.Literal(at), hashed(row_text(piece.table, floats)), piece.table.source, piece.where
        )
        for at, piece in enumerate(group)
    ]
    return sql.SQL(" union all ").join(parts).as_string()


def row_text(table: Table, floats: bool) -> sql.Composed:
    """All of a row as text, columns by their name; with `floats`, those as they are sent.

    Spelled out: `r::text` would be the column r, where a table has one.
    """
    columns = [
        sql.SQL("pg_catalog.{}({})").format(sql.Identifier(sender), column(name))
        if floats and sender
        else column(name)
        for name, sender in table.columns
    ]
    return sql.SQL("row({})::text").format(sql.SQL(", ").join(columns))


def key_text(key: Sequence[str]) -> sql.Composed:
    """A row's key as text."""
    return sql.SQL("row({})::text").format(sql.SQL(", ").join(map(column, key)))


def column(name: str) -> sql.Composed:
    """A column of the row `r`."""
    return sql.SQL("r.{}").format(sql.Identifier(name))


def hashed(text: sql.Composable, seed: int = 0) -> sql.Composed:
    """A hash of 64 bits, the same in every major since 11; bytes count, no collation."""
    return sql.SQL('hashtextextended({} collate "C", {})').format(text, sql.Literal(seed))


def read_both(
    sides: Sequence[Snapshot],
    tables: Sequence[Mapping[Name, Table]],
    notice: Callable[[int, int], None],
) -> tuple[Contents, Contents]:
    """What the tables on both sides hold, read at the same time; `notice` gets bytes and their sum.

    `tables` and the answer are the source's, then the target's.
    """
    floats = any(table.version < EXACT_FLOATS for side in tables for table in side.values())
    there, here = (
        Reading(snapshot, list(side.values()), floats)
        for snapshot, side in zip(sides, tables, strict=True)
    )
    whole = sum(table.bytes for side in tables for table in side.values() if table.blocks)
    done = 0
    for reading in (there, here):
        for count in reading.bytes():
            done += count
            notice(done, whole)
    return there.held, here.held
