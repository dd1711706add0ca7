"""Which rows the source's log says were touched, from the stream that subscriptions read.

The messages are those of https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
in version 1, which every major since 10 speaks.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from transhume.steps.apart import Key
from transhume.steps.tables import Name


@dataclass
class Touched:
    """The keys of touched rows by table, and the tables of which more isn't known.

    `columns` are those of which a table's keys consist.
    """

    keys: dict[Name, set[Key]] = field(default_factory=lambda: defaultdict(set))
    columns: dict[Name, tuple[str, ...]] = field(default_factory=dict)
    whole: set[Name] = field(default_factory=set)
    until: int = 0
    """Position of the log at which the last of the transactions ends; 0 when there is none."""

    def rows(self) -> int:
        """How many rows are known by their key."""
        return sum(len(keys) for keys in self.keys.values())

    def may_have(self, table: Name, columns: Sequence[str], key: Key) -> bool:
        """Whether this row may have been touched; an empty key stands for any row."""
        if table in self.whole:
            return True
        keys = self.keys.get(table, set())
        return key in keys if key and self.columns.get(table) == tuple(columns) else bool(keys)


@dataclass(frozen=True)
class _Relation:
    name: Name
    columns: tuple[str, ...]
    own: tuple[int, ...]
    """Which of the columns tell its rows apart; none when all of them together have to."""


def touched(messages: Iterable[bytes], after: int = 0) -> Touched:
    """What these messages touch, of transactions that were committed after this position."""
    found, relations, counts = Touched(), dict[int, _Relation](), True
    for message in messages:
        kind = message[:1]
        if kind == b"B":
            counts = _position(message, 1) >= after
        elif kind == b"C":
            found.until = _position(message, 10)
        elif kind == b"R":
            number, relation = _relation(message)
            relations[number] = relation
            found.columns[relation.name] = tuple(relation.columns[at] for at in relation.own)
        elif counts and kind in (b"I", b"U", b"D"):
            relation = relations[_number(message, 1)]
            for row in _rows(message):
                _add(found, relation, row)
        elif counts and kind == b"T":
            (count,) = struct.unpack_from("!i", message, 1)
            numbers = struct.unpack_from(f"!{count}I", message, 6)
            found.whole |= {relations[number].name for number in numbers}
    return found


def _add(found: Touched, relation: _Relation, row: list[str | None]) -> None:
    key = tuple(row[at] for at in relation.own)
    if not key or None in key:
        found.whole.add(relation.name)
    else:
        found.keys[relation.name].add(key)


def _position(message: bytes, at: int) -> int:
    return int(struct.unpack_from("!Q", message, at)[0])


def _number(message: bytes, at: int) -> int:
    return int(struct.unpack_from("!I", message, at)[0])


def _relation(message: bytes) -> tuple[int, _Relation]:
    schema, at = _text(message, 5)
    table, at = _text(message, at)
    identity = message[at : at + 1]
    (count,) = struct.unpack_from("!h", message, at + 1)
    at += 3
    columns, own = [], []
    for place in range(count):
        if message[at] & 1 and identity != b"f":
            own.append(place)
        column, at = _text(message, at + 1)
        columns.append(column)
        at += 8
    name = (schema or "pg_catalog", table)
    return _number(message, 1), _Relation(name, tuple(columns), tuple(own))


def _text(message: bytes, at: int) -> tuple[str, int]:
    end = message.index(b"\0", at)
    return message[at:end].decode(), end + 1


def _rows(message: bytes) -> Iterator[list[str | None]]:
    """The old and the new row of a change, each as far as it is told."""
    at = 5
    while at < len(message):
        # K, O or N: the key of the old row, all of it, or the new one.
        row, at = _row(message, at + 1)
        yield row


def _row(message: bytes, at: int) -> tuple[list[str | None], int]:
    (count,) = struct.unpack_from("!h", message, at)
    at += 2
    values: list[str | None] = []
    for _ in range(count):
        kind, at = message[at : at + 1], at + 1
        value = None
        if kind == b"t":
            length = _number(message, at)
            value = message[at + 4 : at + 4 + length].decode()
            at += 4 + length
        values.append(value)
    return values, at
