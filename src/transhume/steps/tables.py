"""The tables of a database as they are read for a comparison: columns, key, size, pieces."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

from psycopg import sql

from transhume.core.host import Snapshot

Name: TypeAlias = "tuple[str, str]"
"""Schema and table."""

_PIECE_BLOCKS = 4096
_MOST_PIECES = 256
# A range of rows by their place is read as a range from this major on; before, as a filter:
# https://www.postgresql.org/docs/14/release-14.html (TID range scans).
_RANGES_FROM = 140000

_FLOATS = (
    "{float4send,float8send,point_send,lseg_send,path_send,box_send,poly_send,line_send,"
    "circle_send}"
)
# Partitions are read one by one, and what is an extension's own comes with the extension.
_TABLES = f"""
select n.nspname::text, c.relname::text,
    array(
        select array[a.attname::text, case when t.typsend = any ('{_FLOATS}'::regproc[])
            or e.typsend = any ('{_FLOATS}'::regproc[]) then t.typsend::text else '' end]
        from pg_attribute a join pg_type t on t.oid = a.atttypid
        left join pg_type e on e.oid = t.typelem
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attname
    ),
    coalesce(k.columns, '{{}}'), coalesce(k.one, false),
    case when c.oid = any (held) then c.relpages * block else pg_table_size(c.oid) end,
    case when c.oid = any (held) then greatest(c.relpages, 1)
        else pg_relation_size(c.oid) / block end,
    current_setting('server_version_num')::int
from pg_class c join pg_namespace n on n.oid = c.relnamespace
-- Asking for the size of a locked table would wait; reading it will tell who locks it.
cross join (select current_setting('block_size')::bigint as block, array(
    select relation from pg_locks where mode = 'AccessExclusiveLock' and relation is not null
) as held) s
left join lateral (
    select array(
        select a.attname::text from unnest(i.indkey::int2[]) with ordinality as part (number, place)
        join pg_attribute a on a.attrelid = c.oid and a.attnum = part.number
        where part.place <= i.indnkeyatts order by part.place
    ) as columns,
    i.indisunique and i.indimmediate and not exists (
        select from pg_attribute a
        where a.attrelid = c.oid and a.attnum = any (i.indkey::int2[]) and not a.attnotnull
    ) as one
    from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
    where i.indrelid = c.oid and i.indisvalid and i.indpred is null and i.indexprs is null
        and m.amname = 'btree'
    order by i.indisprimary desc, 2 desc, x.relname limit 1
) k on true
where (c.relkind = 'r' or c.relkind = 'm' and c.relispopulated) and c.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg_toast%'
  and not exists (
    select from pg_depend d
    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
  )
"""


@dataclass(frozen=True)
class Table:
    """One table or partition. `columns` come with their type's send function, if it is a float.

    `key` tells rows apart when `unique`; else it only helps to find them, or is empty.
    """

    name: Name
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    unique: bool
    bytes: int
    blocks: int
    version: int

    def __str__(self) -> str:
        return ".".join(self.name)

    @property
    def source(self) -> sql.Composed:
        """What follows `from`; each row is `r`, so that no column can be taken for it."""
        return sql.SQL("{} r").format(sql.Identifier(*self.name))

    def pieces(self) -> list[sql.Composable]:
        """Conditions that cut the table into parts to be read side by side."""
        step = max(_PIECE_BLOCKS, self.blocks // _MOST_PIECES)
        if self.version < _RANGES_FROM or self.blocks <= step:
            return [sql.SQL("true")]
        starts = range(0, self.blocks, step)
        return [_range(start, start + step if start != starts[-1] else None) for start in starts]


def _range(begin: int, end: int | None) -> sql.Composable:
    least = sql.SQL("r.ctid >= {}").format(sql.Literal(f"({begin},0)"))
    if end is None:
        return least
    return sql.SQL("{} and r.ctid < {}").format(least, sql.Literal(f"({end},0)"))


def tables(snapshot: Snapshot, names: Collection[Name] | None = None) -> dict[Name, Table]:
    """Every table that holds rows of its own, or those of these names, by its name."""
    query = _TABLES if names is None else _TABLES + _named(names)
    found = [_table(*row) for row in snapshot.read(query)]
    return {table.name: table for table in found}


def _named(names: Collection[Name]) -> str:
    """The condition that only some of the tables meet."""
    pairs = (sql.SQL("({}, {})").format(*map(sql.Literal, name)) for name in sorted(names))
    listed = sql.SQL(", ").join(pairs)
    return sql.SQL("and (n.nspname, c.relname) in ({})").format(listed).as_string()


def _table(schema: str, name: str, columns: list[list[str]], key: list[str], *rest: Any) -> Table:
    pairs = tuple((column, sender) for column, sender in columns)
    return Table((schema, name), pairs, tuple(key), *rest)
