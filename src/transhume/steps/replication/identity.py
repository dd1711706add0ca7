"""By what a replicated row is found again: a key, else a unique index, else all of its columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import sql

from transhume.core.host import Host

PUBLISHED = """
c.relkind = 'r' and c.relpersistence = 'p' and c.oid >= 16384
and n.nspname not in ('pg_catalog', 'information_schema', 'repack')
and (c.oid = any(select unnest(extconfig) from pg_extension)
     or not exists (select from pg_depend d
                    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
"""
"""Which tables follow: partitions each for itself, of the extensions' own those that pg_dump dumps
as well. pg_repack's passing tables (schema repack) are no part of the data."""

TABLES = f"""
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where {PUBLISHED} order by 1, 2
"""

# What ALTER TABLE … REPLICA IDENTITY USING INDEX asks of an index: unique, immediate, not partial,
# without expressions, on columns that are not null
# (https://www.postgresql.org/docs/current/sql-altertable.html).
_KEYLESS = f"""
select n.nspname, c.relname, c.relreplident::text, coalesce(own.relname, ''),
       coalesce(best.relname, '')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join lateral (
    select i.relname from pg_index x join pg_class i on i.oid = x.indexrelid
    where x.indrelid = c.oid and x.indisreplident limit 1) own on true
left join lateral (
    select i.relname from pg_index x join pg_class i on i.oid = x.indexrelid
    where x.indrelid = c.oid and x.indisunique and x.indisvalid and x.indimmediate
      and x.indpred is null and x.indexprs is null
      and not exists (
          select from unnest(x.indkey::int2[]) with ordinality k (number, place)
          join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
          where k.place <= x.indnkeyatts and not a.attnotnull)
    order by x.indnkeyatts, i.relname limit 1) best on true
where {PUBLISHED}
  and (c.relreplident = 'n' or c.relreplident = 'i' and own.relname is null
       or c.relreplident = 'd' and not exists (
          select from pg_index x where x.indrelid = c.oid and x.indisprimary and x.indimmediate))
order by 1, 2
"""

# Rows without a key are compared whole, column by column, which needs an equality for each type.
INCOMPARABLE = f"""
select n.nspname || '.' || c.relname from ({_KEYLESS}) k (nsp, rel, ident, own, best)
join pg_namespace n on n.nspname = k.nsp
join pg_class c on c.relnamespace = n.oid and c.relname = k.rel
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type d on d.oid = a.atttypid
join pg_type t on t.oid = case when d.typtype = 'd' then d.typbasetype else d.oid end
where k.best = '' and t.typtype = 'b' and t.typelem = 0
  and not exists (
      select from pg_opclass o where o.opcdefault and (o.opcintype = t.oid or o.opcintype in (
          select casttarget from pg_cast
          where castsource = t.oid and castmethod = 'b' and castcontext = 'i')))
limit 1
"""


@dataclass(frozen=True)
class Identity:
    """A table's replica identity as pg_class and pg_index have it: d, n, f, or i and its index."""

    schema: str
    table: str
    kind: str
    index: str = ""

    def sql(self) -> str:
        """The command that gives the table this identity."""
        kinds = {"d": "default", "n": "nothing", "f": "full"}
        how: sql.Composable = (
            sql.SQL("using index {}").format(sql.Identifier(self.index))
            if self.kind == "i"
            else sql.SQL(kinds[self.kind])
        )
        command = sql.SQL("alter table only {} replica identity {};\n")
        return command.format(sql.Identifier(self.schema, self.table), how).as_string()


@dataclass(frozen=True)
class Lack:
    """A table whose rows can't be found again: what its identity is, and what it should be."""

    former: Identity
    wanted: Identity


def lacks(host: Host, database: str) -> tuple[Lack, ...]:
    """Every table of the database that needs another identity to be replicated."""
    found = []
    for schema, table, kind, index, best in host.sql(database, _KEYLESS):
        # An index that was named and is gone leaves nothing that could be put back.
        former = Identity(schema, table, "n" if kind == "i" else kind, index)
        found.append(Lack(former, Identity(schema, table, "i" if best else "f", best)))
    return tuple(found)


# A lock that isn't had at once must not hold up everybody who comes after it.
_PATIENCE = "set lock_timeout = '5s';\n"


def script(identities: Iterable[Identity]) -> str:
    """Each table for itself: a lock on one at a time can't block anybody for a cycle."""
    return _PATIENCE + "".join(identity.sql() for identity in identities)
