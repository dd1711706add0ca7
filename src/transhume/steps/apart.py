"""Which rows of a table differ: buckets of keys first, then the rows of the differing buckets."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from psycopg import sql

from transhume.core.host import Answer, Snapshot
from transhume.errors import StepFailed
from transhume.steps.rows import Held, column, hashed, key_text, row_text
from transhume.steps.tables import Table

_BUCKET_ROWS = 256
_MOST_BUCKETS = 65536
# How many rows are listed together to find those that differ: each portion reads the table anew.
_LISTED = 20_000
_PAGE = 100_000
# Of how many it is looked in which columns.
_LOOKED_AT = 20

Key: TypeAlias = "tuple[str | None, ...]"
"""The values of a row's key as text."""


@dataclass(frozen=True)
class Side:
    """One machine's table, of which only the rows count for which `where` holds."""

    snapshot: Snapshot
    table: Table
    where: sql.Composable = field(default_factory=lambda: sql.SQL("true"))


@dataclass(frozen=True)
class Apart:
    """How many rows differ of each key; of rows without a key by what helps to find them.

    `columns` says of some of the changed ones in which columns. `lost` and `gained` are all rows of
    either side that have no equal on the other. `whole` is false when these aren't all.
    """

    changed: Mapping[Key, int]
    missing: Mapping[Key, int]
    extra: Mapping[Key, int]
    columns: Mapping[Key, tuple[str, ...]]
    lost: int
    gained: int
    whole: bool


@dataclass(frozen=True)
class Finder:
    """Finds the rows of about `rows` on either side; `floats`: see rows.row_text."""

    there: Side
    here: Side
    rows: int
    floats: bool

    def keys(self, side: Side, most: int) -> list[int]:
        """Hashes of the keys of a side's rows, at most so many."""
        query = sql.SQL("select {} from {} where {} limit {}").format(
            hashed(key_text(self.there.table.key), 1), side.table.source, side.where, most
        )
        return [int(key) for (key,) in side.snapshot.read(query.as_string())]

    def apart(self) -> Apart:
        """The rows that differ, or some of them where they are very many."""
        return next(self.pages(_LISTED))

    def pages(self, most: int = _PAGE) -> Iterator[Apart]:
        """All rows that differ, about so many at a time; one page at least."""
        first, second = self._sums()
        differing = sorted(
            (max(first[at].rows, second[at].rows), at)
            for at in {*first, *second}
            if first[at] != second[at]
        )
        left = differing
        while left or left is differing:
            chosen = _within([rows for rows, _ in left], most)
            buckets = [at for _, at in left[:chosen]]
            yield self._page(buckets, first=left is differing, whole=chosen == len(differing))
            left = left[chosen:]

    def _page(self, buckets: Sequence[int], *, first: bool, whole: bool) -> Apart:
        there, here = self._listed(buckets)
        common = sorted(there.keys() & here.keys(), key=_sortable)
        unlike = {
            key: max(_only(there[key], here[key]), _only(here[key], there[key])) for key in common
        }
        changed = {key: rows for key, rows in unlike.items() if rows}
        return Apart(
            changed,
            {key: len(there[key]) for key in sorted(there.keys() - here.keys(), key=_sortable)},
            {key: len(here[key]) for key in sorted(here.keys() - there.keys(), key=_sortable)},
            self._columns(list(changed)[:_LOOKED_AT]) if self._one and first else {},
            sum(_only(there[key], here.get(key, ())) for key in there),
            sum(_only(here[key], there.get(key, ())) for key in here),
            whole,
        )

    @property
    def _one(self) -> bool:
        return self.there.table.unique

    @property
    def _bucket(self) -> sql.Composed:
        """A row's bucket: by its key, or by all of it where no key is its own."""
        table = self.there.table
        text = key_text(table.key) if self._one else row_text(table, self.floats)
        count = min(_MOST_BUCKETS, 1 << (self.rows // _BUCKET_ROWS).bit_length())
        return sql.SQL("({} & {})").format(hashed(text, 1), sql.Literal(count - 1))

    def _both(self, query: str, **parts: sql.Composable) -> tuple[Iterable[Answer], ...]:
        """Ask both sides at the same time, each table in its pieces."""
        return tuple(
            side.snapshot.ask(
                [
                    sql.SQL(query)
                    .format(
                        row=hashed(row_text(side.table, self.floats)),
                        source=side.table.source,
                        where=sql.SQL("{} and {}").format(side.where, piece),
                        bucket=self._bucket,
                        **parts,
                    )
                    .as_string()
                    for piece in side.table.pieces()
                ]
            )
            for side in (self.there, self.here)
        )

    def _sums(self) -> list[dict[int, Held]]:
        sums = "select {bucket}::int, count(*), sum({row})::text"
        found = []
        for answers in self._both(f"{sums} from {{source}} where {{where}} group by 1"):
            held: dict[int, Held] = defaultdict(Held)
            for at, rows, total in _rows(answers):
                held[at] += Held(int(rows), int(total))
            found.append(held)
        return found

    def _listed(self, buckets: Sequence[int]) -> list[dict[Key, list[int]]]:
        query = "select {key}, {row} from {source} where {where} and {bucket} = any ({buckets})"
        parts = {"key": _key(self.there.table.key), "buckets": sql.Literal(list(buckets))}
        found = []
        for answers in self._both(query, **parts):
            listed: dict[Key, list[int]] = defaultdict(list)
            for key, row in _rows(answers):
                listed[tuple(key)].append(int(row))
            found.append(dict(listed))
        return found

    def _columns(self, keys: Sequence[Key]) -> dict[Key, tuple[str, ...]]:
        """In which columns these rows differ; their values stay where they are."""
        if not keys:
            return {}
        names = [name for name, _ in self.there.table.columns]
        each = [
            hashed(sql.SQL("coalesce({}::text, 'null')").format(column(name))) for name in names
        ]
        query = "select {key}, array[{each}] from {source} where {where} and ({chosen})"
        parts = {
            "key": _key(self.there.table.key),
            "each": sql.SQL(", ").join(each),
            "chosen": sql.SQL(" or ").join(is_row(self.there.table.key, key) for key in keys),
        }
        there, here = (
            {tuple(key): hashes for key, hashes in _rows(answers)}
            for answers in self._both(query, **parts)
        )
        return {
            key: tuple(
                name
                for name, one, two in zip(names, there[key], here[key], strict=True)
                if one != two
            )
            for key in keys
            if key in there and key in here
        }


def _only(one: Iterable[int], other: Iterable[int]) -> int:
    """How many rows of the first have no equal in the second."""
    return (Counter(one) - Counter(other)).total()


def _key(key: Sequence[str]) -> sql.Composed:
    # As the type's output function has it, and so the log; a cast may write it otherwise.
    texts = [sql.SQL("concat({})").format(column(name)) for name in key]
    return sql.SQL("array[{}]::text[]").format(sql.SQL(", ").join(texts))


def is_row(names: Sequence[str], key: Key) -> sql.Composed:
    """A condition for the row of this key."""
    # The text is read as the column's own type, so that its index serves.
    parts = [
        sql.SQL("{} = {}").format(column(name), sql.Literal(value))
        for name, value in zip(names, key, strict=True)
    ]
    return sql.SQL("({})").format(sql.SQL(" and ").join(parts))


def _rows(answers: Iterable[Answer]) -> Iterator[tuple[Any, ...]]:
    for answer in answers:
        if answer.problem:
            raise StepFailed(answer.problem)
        yield from answer.rows


def _within(sizes: Sequence[int], most: int) -> int:
    """How many of these, from the first on, are not more together than this; one at least."""
    listed = 0
    for at, size in enumerate(sizes):
        listed += size
        if at and listed > most:
            return at
    return len(sizes)


def _sortable(key: Key) -> tuple[str, ...]:
    return tuple(value or "" for value in key)
