"""Compare the rows that were touched since a moment at which everything was proved equal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from psycopg import sql

from transhume.core.at_once import at_once
from transhume.core.host import Answer, Snapshot
from transhume.errors import StepFailed
from transhume.steps.apart import Key, is_row
from transhume.steps.decoded import Touched
from transhume.steps.rows import EXACT_FLOATS, Held, hashed, read_both, row_text
from transhume.steps.tables import Name, Table, tables

_TOGETHER = 100
"""Rows looked up by one query."""

Difference: TypeAlias = "tuple[Name, tuple[str, ...], Key]"
"""A table, and a row by the columns and values of its key; both empty for the table as such."""


@dataclass(frozen=True)
class Changed:
    """What was found of touched rows: how many were compared, and which differ."""

    rows: int
    tables: int
    differing: tuple[Difference, ...]


def compared(sides: Sequence[Snapshot], seen: Touched) -> Changed:
    """Compare on both sides the touched rows by their keys, and tables without any as a whole."""
    names = {*seen.keys, *seen.whole}
    if not names:
        return Changed(0, 0, ())
    there, here = at_once([partial(tables, side, names) for side in sides])
    by_key = {name: keys for name, keys in seen.keys.items() if name not in seen.whole}
    lost = {name for name in {*by_key, *seen.whole} if name not in there or name not in here}
    floats = any(table.version < EXACT_FLOATS for table in (*there.values(), *here.values()))
    differing: list[Difference] = [(name, (), ()) for name in sorted(lost)]
    for name in sorted(by_key.keys() - lost):
        columns, both = seen.columns[name], (there[name], here[name])
        unlike = _unlike(sides, both, columns, by_key[name], floats)
        differing += [(name, columns, key) for key in unlike]
    whole = sorted(seen.whole - lost)
    differing += [(name, (), ()) for name in _tables_unlike(sides, (there, here), whole)]
    return Changed(sum(map(len, by_key.values())), len(whole), tuple(differing))


def _tables_unlike(
    sides: Sequence[Snapshot], known: Sequence[Mapping[Name, Table]], names: Sequence[Name]
) -> list[Name]:
    part = [{name: each[name] for name in names} for each in known]
    theirs, ours = read_both(sides, part, lambda done, whole: None)
    return [
        name for name in names if theirs[name] != ours[name] or not isinstance(theirs[name], Held)
    ]


def _unlike(
    sides: Sequence[Snapshot],
    both: Sequence[Table],
    columns: Sequence[str],
    keys: Iterable[Key],
    floats: bool,
) -> Iterator[Key]:
    """Those of the keys whose rows aren't the same on both sides."""
    wanted = list(keys)
    groups = [wanted[at : at + _TOGETHER] for at in range(0, len(wanted), _TOGETHER)]
    begun = [
        side.ask([_query(table, columns, group, floats) for group in groups])
        for side, table in zip(sides, both, strict=True)
    ]
    theirs, ours = (_hashes(answers) for answers in begun)
    return (key for at, key in enumerate(wanted) if theirs.get(at) != ours.get(at))


def _query(table: Table, columns: Sequence[str], keys: Sequence[Key], floats: bool) -> str:
    """Each key by its number: how it is written may differ from how the log writes it."""
    parts = [
        sql.SQL("select {}::int, {} from {} where {}").format(
            sql.Literal(at), hashed(row_text(table, floats)), table.source, is_row(columns, key)
        )
        for at, key in enumerate(keys)
    ]
    return sql.SQL(" union all ").join(parts).as_string()


def _hashes(answers: Iterable[Answer]) -> dict[int, list[int]]:
    """By the number of the key the hashes of its rows; a unique key has one at most."""
    found: dict[int, list[int]] = defaultdict(list)
    for answer in answers:
        if answer.problem:
            raise StepFailed(f"changed rows can't be read: {answer.problem}")
        for at, row in answer.rows:
            found[answer.at * _TOGETHER + at].append(int(row))
    return found
