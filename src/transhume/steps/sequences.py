"""Where the sequences of a database stand."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from transhume.core.host import Snapshot

_SEQUENCES = """
select n.nspname::text, c.relname::text, s.seqincrement
from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = relnamespace
where c.relpersistence <> 't' order by 1, 2
"""


@dataclass(frozen=True)
class Stand:
    """The last value, and whether it was given out; `step` is what is added each time."""

    value: int
    called: bool
    step: int

    def __str__(self) -> str:
        return f"{self.value}{'' if self.called else ' (not given out yet)'}"

    def behind(self, other: Stand) -> bool:
        """Whether this one would give out again what the other has given out."""
        return (self.next() - other.next()) * self.step < 0

    def next(self) -> int:
        """What it gives out next."""
        return self.value + self.step if self.called else self.value


def sequences(snapshot: Snapshot) -> dict[str, Stand]:
    """Each sequence by its name with its schema."""
    known = snapshot.read(_SEQUENCES)
    if not known:
        return {}
    parts = [
        sql.SQL("select {}::int, last_value, is_called from {}").format(
            sql.Literal(at), sql.Identifier(schema, name)
        )
        for at, (schema, name, _) in enumerate(known)
    ]
    stands = snapshot.read(sql.SQL(" union all ").join(parts).as_string())
    return {
        f"{known[at][0]}.{known[at][1]}": Stand(int(value), bool(called), int(known[at][2]))
        for at, value, called in stands
    }
