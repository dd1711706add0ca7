"""Generates the SQL of the stand-in's databases: root tables, partitions and indexes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_SQL = Path(__file__).parent / "sql"

PARTITIONS = {
    "full": {
        "t_mailbox_record": 256,
        "s_mailbox_record": 256,
        "t_changeset": 256,
        "v_conversation_by_folder": 25,
        "t_conversationreference": 25,
    },
    "small": {
        "t_mailbox_record": 8,
        "s_mailbox_record": 8,
        "t_changeset": 8,
        "v_conversation_by_folder": 5,
        "t_conversationreference": 5,
    },
}


@dataclass(frozen=True)
class Root:
    """One of the plain root tables, as a line of roots.txt describes it."""

    name: str
    key: str
    columns: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, line: str) -> Root:
        name, key, columns = (part.strip() for part in line.split("|"))
        pairs = (column.strip().partition(" ") for column in columns.split(", "))
        return cls(name, "" if key == "-" else key, tuple((n, t) for n, _, t in pairs))

    def sql(self) -> list[str]:
        columns = [f"{name} {kind}" for name, kind in self.columns]
        if self.key:
            columns.append(f"PRIMARY KEY ({self.key})")
        return [f"CREATE TABLE {self.name} ({', '.join(columns)});", *self._indexes()]

    def _indexes(self) -> list[str]:
        """Index every column outside the key: that is how the count comes near to the real one."""
        wanted = (pair for pair in self.columns if pair[0] not in self.key.split(","))
        return [self._index(name, kind) for name, kind in wanted]

    def _index(self, name: str, kind: str) -> str:
        method = "gin" if kind in ("hstore", "jsonb") or kind.endswith("[]") else "btree"
        return f"CREATE INDEX i_{self.name}_{name} ON {self.name} USING {method} ({name});"


def roots() -> list[Root]:
    lines = (_SQL / "roots.txt").read_text().splitlines()
    return [Root.parse(line) for line in lines if line and not line.startswith("#")]


def _partitions(table: str, count: int) -> list[str]:
    return [
        f"CREATE TABLE {table}_{n} PARTITION OF {table}"
        f" FOR VALUES WITH (MODULUS {count}, REMAINDER {n});"
        for n in range(count)
    ]


def schema(size: str) -> str:
    """Return the whole schema with `full` or `small` numbers of partitions."""
    parts = [(_SQL / "types.sql").read_text(), (_SQL / "mail.sql").read_text()]
    for table, count in PARTITIONS[size].items():
        parts += _partitions(table, count)
    for root in roots():
        parts += root.sql()
    parts.append((_SQL / "triggers.sql").read_text())
    return "\n".join(parts) + "\n"


def custom_settings(size: str) -> dict[str, str]:
    """Return the `bm.*_partitions` settings that the partition counts come from."""
    names = {table: table.split("_", 1)[1] for table in PARTITIONS[size]}
    names["s_mailbox_record"] = "sorted_mailbox_record"
    return {f"bm.{names[t]}_partitions": str(n) for t, n in PARTITIONS[size].items()}
