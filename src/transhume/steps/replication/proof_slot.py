"""The place in the source's log from which on the rows of a database have to be proved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from transhume.core.host import Host, Snapshot
from transhume.steps.decoded import Touched, touched

_PEEK = """
select data from pg_logical_slot_peek_binary_changes({slot}, {until}, {most},
    'proto_version', '1', 'publication_names', {publication})
"""
_POSITION = "select confirmed_flush_lsn - '0/0' from pg_replication_slots where slot_name = %s"
# Each message holds a whole row.
_MOST = 2000


@dataclass(frozen=True)
class Slot:
    """The proof's slot of a database on the source, and the copy's. Positions are bytes of log."""

    source: Host
    database: str
    name: str
    copy: str
    publication: str

    def reached(self) -> int:
        """How far the target has come: it holds all that was committed before."""
        return self._position(self.copy)

    def position(self) -> int:
        """Up to where everything was proved."""
        return self._position(self.name)

    def _position(self, slot: str) -> int:
        rows = self.source.sql("postgres", _POSITION, slot)
        return int(rows[0][0] or 0) if rows else 0

    @staticmethod
    def number(place: str) -> int:
        """A position as PostgreSQL writes it, as a number."""
        high, _, low = place.partition("/")
        return (int(high, 16) << 32) + int(low, 16)

    @staticmethod
    def place(number: int) -> str:
        """A position as PostgreSQL writes it."""
        return f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"

    def touched(self, snapshot: Snapshot, until: int | None) -> Touched:
        """What was touched since the slot's position: all of it, or a first part up to `until`."""
        return touched(self._messages(snapshot, until))

    def later(self, snapshot: Snapshot, after: int) -> Touched:
        """What was touched by what was committed after this position."""
        return touched(self._messages(snapshot, None), after)

    def _messages(self, snapshot: Snapshot, until: int | None) -> Iterator[bytes]:
        query = sql.SQL(_PEEK).format(
            slot=sql.Literal(self.name),
            until=sql.Literal(None if until is None else self.place(until)),
            most=sql.Literal(None if until is None else _MOST),
            publication=sql.Literal(self.publication),
        )
        return (bytes(data) for (data,) in snapshot.read(query.as_string()))
