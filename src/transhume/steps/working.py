"""Tell what people did to a table since the mark from what was damaged before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from psycopg import sql

from transhume.steps.apart import Finder
from transhume.steps.differences import rows_apart
from transhume.steps.mark import Mark
from transhume.steps.rows import hashed, key_text

_MOST = 100_000
"""So many rows of a table may have been written since; their keys go to the source."""


@dataclass(frozen=True)
class Told:
    """What is wrong with a table, and how many of its rows differ because people work."""

    lines: tuple[str, ...]
    since: int = 0


def since(finder: Finder, mark: Mark, gone: int, say: Callable[[str], None]) -> Told:
    """Judge each row that differs: what the target wrote since the mark is people's.

    What the source has and the target lacks was deleted or replaced since, if the target's server
    has counted as many rows as are `gone`; -1 when it hasn't counted. More than that was lost.
    """
    table = finder.here.table
    newer = mark.newer()
    written = replace(finder.here, where=newer)
    older = replace(finder.here, where=sql.SQL("not {}").format(newer))
    keys = finder.keys(written, _MOST + 1)
    if len(keys) > _MOST:
        least = f"{table}: more than {_MOST:,} rows were written since the opening"
        line = f"{least} (by pg_repack?): the others can't be told from them"
        say(line)
        return Told((line,))
    left = replace(finder, here=older)
    if table.unique and keys:
        left = replace(left, there=replace(left.there, where=_without(finder, keys)))
    absent = damaged = 0
    for page in left.pages():
        absent += sum(page.missing.values()) if table.unique else page.lost
        damaged += len(page.changed) + len(page.extra) if table.unique else page.gained
    if absent <= gone and not damaged:
        return Told((), len(keys) + absent)
    # What is wrong is known only at the end: it is listed once more to be named.
    pages = left.pages()
    if absent <= gone:
        pages = (replace(page, missing={}) for page in pages)
    return Told(rows_apart(table, 0, 0, pages, say), len(keys))


def _without(finder: Finder, keys: list[int]) -> sql.Composed:
    """The source's rows whose keys aren't among those that were written anew."""
    return sql.SQL("{} not in (select unnest({}::bigint[]))").format(
        hashed(key_text(finder.there.table.key), 1), sql.Literal(keys)
    )
