"""From where on the rows of the target's databases may rightly differ from the source's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial

from psycopg import sql

from transhume.core.at_once import at_once
from transhume.core.change import Change, RemoveFile, WriteFile
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.step import Step
from transhume.errors import StepFailed
from transhume.steps.copier import Copier

_NEXT = "select txid_snapshot_xmax(txid_current_snapshot())"
_GONE = "select schemaname || '.' || relname, n_tup_upd + n_tup_del from pg_stat_user_tables"


@dataclass(frozen=True)
class Mark:
    """Of one database: the number of the first transaction after its proof, and for each table how
    many of its rows had been deleted or replaced until then."""

    transaction: int
    gone: Mapping[str, int]

    def newer(self) -> sql.Composed:
        """A condition for a row `r` that was written since; numbers start anew after 2³².

        See https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND
        """
        first = sql.Literal(self.transaction % 2**32)
        return sql.SQL(
            "(r.xmin::text::bigint > 2 and "
            "(r.xmin::text::bigint - {} + 4294967296) % 4294967296 < 2147483648)"
        ).format(first)

    def since(self, host: Host, database: str, table: str) -> int:
        """How many rows of a table were deleted or replaced since; -1 when nobody has counted."""
        now = dict(host.sql(database, _GONE)).get(table)
        former = self.gone.get(table)
        return -1 if now is None or former is None or now < former else int(now) - former


@dataclass(frozen=True)
class MarkDatabases(Step):
    """The databases were proved, and nothing has written into them since they were copied."""

    copier: Copier
    path: str
    key = "mark-databases"
    title = "mark where the copied rows end"
    why = "What people write later can be told apart from what was damaged on the way."
    phase = "cutover"
    settled_by = "start"

    def run(self, pair: Pair) -> Iterator[Change]:
        names = self.copier.present(pair)
        found = at_once([partial(_mark, pair.target, name) for name in names])
        marks = {name: asdict(mark) for name, mark in zip(names, found, strict=True)}
        content = f"{json.dumps(marks)}\n".encode()
        write = WriteFile("target", self.path, content, "0600")
        yield Change("note the last transaction", write, RemoveFile("target", self.path))

    def verify(self, pair: Pair) -> Iterator[Finding]:
        missing = set(self.copier.present(pair)) - marks(pair.target, self.path).keys()
        for name in sorted(missing):
            seen = f"nobody noted where the copied rows of {name} end"
            yield Finding("mark-missing", "blocks", "target", seen)


def _mark(target: Host, name: str) -> Mark:
    ((transaction,),) = target.sql(name, _NEXT)
    return Mark(int(transaction), {table: int(gone) for table, gone in target.sql(name, _GONE)})


def marks(target: Host, path: str) -> dict[str, Mark]:
    """What was noted, by database; empty when nothing was."""
    content = target.file(path)
    try:
        return {name: Mark(**mark) for name, mark in json.loads(content or b"{}").items()}
    except (ValueError, TypeError, AttributeError):
        raise StepFailed(f"{path} isn't what was written there") from None
