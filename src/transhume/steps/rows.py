"""What a database holds, in a form that can be compared across PostgreSQL majors."""

from __future__ import annotations

from typing import TypeAlias

from psycopg import sql

from transhume.core.host import Host

Tables: TypeAlias = "dict[str, tuple[int, str]]"
"""By table or sequence: number of rows (or last value), and a hash that ignores their order."""

_TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg_toast%%'
order by 1, 2
"""
_SEQUENCES = """
select schemaname || '.' || sequencename, coalesce(last_value, 0), start_value::text
from pg_sequences order by 1
"""
# Names and definitions that PostgreSQL prints alike in every major since 12.
_SCHEMA = """
with own as (
    select c.oid, n.nspname || '.' || c.relname as name, c.relkind, c.relpersistence
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname not in ('pg_catalog', 'information_schema')
      and n.nspname not like 'pg_toast%%'
      and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
)
select 'relation', name, relkind::text || relpersistence::text from own
union all select 'column', name || '.' || attname,
    format_type(atttypid, atttypmod) || case when attnotnull then ' not null' else '' end
    from own join pg_attribute on attrelid = own.oid
    where attnum > 0 and not attisdropped and relkind in ('r', 'p', 'v', 'm')
union all select 'index', name, pg_get_indexdef(oid) from own where relkind in ('i', 'I')
union all select 'trigger', name || '.' || tgname, tgenabled::text
    from own join pg_trigger on tgrelid = own.oid join pg_class c on c.oid = own.oid
    -- Clones in partitions follow their parent; only newer majors show them.
    where not tgisinternal and not c.relispartition
union all select 'constraint', conrelid::regclass::text || '.' || conname, contype::text
    from pg_constraint where contype <> 'n' and connamespace::regnamespace::text <> 'pg_catalog'
    and connamespace::regnamespace::text <> 'information_schema'
    and not exists (select from pg_depend d where d.objid = pg_constraint.oid and d.deptype = 'e')
union all select 'extension', extname, extnamespace::regnamespace::text from pg_extension
union all select 'function', p.oid::regprocedure::text, '' from pg_proc p
    where pronamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
      and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""


def schema(host: Host, database: str) -> frozenset[tuple[str, str, str]]:
    """Kind, name and definition of every object that isn't an extension's own."""
    return frozenset((kind, name, text) for kind, name, text in host.sql(database, _SCHEMA))


def contents(host: Host, database: str) -> Tables:
    """Rows and hash of every table (partitions within their parent), and each sequence.

    The hash is the sum over the rows of a 64-bit hash of the row's text: the order in which a
    server returns them doesn't matter, and no row leaves the server.
    """
    tables = host.sql(database, _TABLES)
    counted = host.sql(database, _count(tables)) if tables else []
    held = {name: (int(rows), str(total)) for name, rows, total in counted}
    for name, value, start in host.sql(database, _SEQUENCES):
        held[f"sequence {name}"] = (int(value), start)
    return held


def _count(tables: list[tuple[str, str]]) -> str:
    parts = [
        sql.SQL(
            "select {}, count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) from {} t"
        ).format(sql.Literal(f"{schema}.{table}"), sql.Identifier(schema, table))
        for schema, table in tables
    ]
    return sql.SQL(" union all ").join(parts).as_string()
