"""Asks PostgreSQL itself, on both sides alike, what it holds: objects, settings, rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab.machine import Machine

MAIL = "bj-data"

# What the same row looks like must not depend on a server's settings.
_SESSION = """SET TimeZone = 'GMT'; SET DateStyle = 'ISO, YMD'; SET extra_float_digits = 1;
SET bytea_output = 'hex'; SET search_path = public;
"""

_CLUSTER = r"""SELECT 'database', datname,
  concat_ws(' ', pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype)
  FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'
UNION ALL SELECT 'setting', d.datname, s.setting FROM pg_db_role_setting r
  JOIN pg_database d ON d.oid = r.setdatabase, unnest(r.setconfig) s (setting)
UNION ALL SELECT 'role', rolname, concat_ws(' ', rolsuper, rolcanlogin) FROM pg_roles
  WHERE rolname !~ '^(pg_|postgres$)';
"""

# Definitions as digests: the names say enough, and two majors agree on the texts. What extensions
# bring is left out: each major has its own version of it.
_OBJECTS = r"""
SELECT 'table', c.relname, concat_ws(' ', c.relkind, pg_get_userbyid(c.relowner),
    pg_get_expr(c.relpartbound, c.oid)) FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
   AND NOT EXISTS
    (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
UNION ALL SELECT 'columns', c.relname, md5(string_agg(concat_ws(' ', a.attname,
    format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)),
    ',' ORDER BY a.attnum))
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    AND a.attnum > 0 AND NOT a.attisdropped GROUP BY 2
UNION ALL SELECT 'index', c.relname, concat_ws(' ', i.indisvalid, md5(pg_get_indexdef(c.oid)))
  FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
  WHERE c.relnamespace = 'public'::regnamespace
UNION ALL SELECT 'constraint', conrelid::regclass || '.' || conname,
    concat_ws(' ', convalidated, md5(pg_get_constraintdef(oid))) FROM pg_constraint
  WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f', 'c', 'x')
UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname,
    concat_ws(' ', tgenabled, md5(pg_get_triggerdef(oid))) FROM pg_trigger
  WHERE tgparentid = 0 AND NOT tgisinternal
UNION ALL SELECT 'function', p.oid::regprocedure::text, md5(p.prosrc) FROM pg_proc p
  WHERE p.pronamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
UNION ALL SELECT 'enum', enumtypid::regtype::text, string_agg(enumlabel, ',' ORDER BY enumsortorder)
  FROM pg_enum GROUP BY 2
UNION ALL SELECT 'domain', t.typname, md5(string_agg(pg_get_constraintdef(k.oid), ','))
  FROM pg_type t JOIN pg_constraint k ON k.contypid = t.oid
  WHERE t.typnamespace = 'public'::regnamespace GROUP BY 2
UNION ALL SELECT 'extension', extname, extnamespace::regnamespace::text FROM pg_extension;
"""

_SEQUENCES = "SELECT sequencename, coalesce(last_value, 0) FROM pg_sequences;"
_ROOTS = """SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
  AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1;"""

# All that the source knew by then: what is newer on the copy came in after the move.
_HORIZON = """SELECT greatest((SELECT max(date) FROM t_changeset),
  (SELECT max(created) FROM t_container_item));"""
_DATED = {
    "t_message_body": "created",
    "t_container_item": "created",
    "t_mailbox_record": "last_updated",
    "s_mailbox_record": "internal_date",
    "t_changeset": "date",
    "t_conversationreference": "created",
    "v_conversation_by_folder": "date",
}
# Every delivery updates these in place, and a folder's first one adds a row.
GROWING = {"t_container_sequence", "v_container_item_counter"}


@dataclass(frozen=True)
class Rows:
    """What a table holds: its number of rows, and a digest that no order changes."""

    count: int
    digest: str


def psql(machine: Machine, database: str, sql: str) -> list[list[str]]:
    """Run SQL as postgres inside the machine; the separator occurs in no name or definition."""
    argv = ["runuser", "-u", "postgres", "--", "psql", "-XqAt", "-F\x1f", "-vON_ERROR_STOP=1"]
    done = machine.exec([*argv, "-d", database], stdin=_SESSION + sql)
    return [line.split("\x1f") for line in done.stdout.splitlines()]


@contextmanager
def answering(machine: Machine) -> Iterator[None]:
    """Start PostgreSQL for as long as it is asked, where a move has stopped it."""
    if not machine.exec(["pg_isready", "-q"], check=False).returncode:
        yield
        return
    machine.exec(["systemctl", "start", "postgresql.service"])
    # The unit is done at once; its instance, which the glob names, is what was waited for.
    machine.exec(["systemctl", "start", "postgresql@*-main.service"], check=False)
    machine.exec(["sh", "-c", "timeout 30 sh -c 'until pg_isready -q; do sleep 0.1; done'"])
    try:
        yield
    finally:
        machine.exec(["systemctl", "stop", "postgresql.service", "postgresql@*-main.service"])


def cluster(machine: Machine) -> dict[str, str]:
    rows = psql(machine, "postgres", _CLUSTER)
    return {
        f"{kind} {name}" + (f" {detail}" if kind == "setting" else ""): detail
        for kind, name, detail in rows
    }


def names(machine: Machine) -> list[str]:
    return [key.split(" ")[1] for key in cluster(machine) if key.startswith("database ")]


def objects(machine: Machine, database: str) -> dict[str, str]:
    return {f"{kind} {name}": rest for kind, name, rest in psql(machine, database, _OBJECTS)}


def sequences(machine: Machine, database: str) -> dict[str, int]:
    return {name: int(value) for name, value in psql(machine, database, _SEQUENCES)}


def horizon(machine: Machine) -> str:
    return psql(machine, MAIL, _HORIZON)[0][0]


def rows_sql(table: str, until: str | None) -> str:
    """Return the statement that counts and digests a table, up to the horizon if it is dated."""
    column = _DATED.get(table)
    condition = f" WHERE {column} <= '{until}' OR {column} IS NULL" if until and column else ""
    return (
        f"SELECT '{table}', count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)"
        f' FROM "{table}" t{condition};\n'
    )


def rows(machine: Machine, database: str, until: str | None) -> dict[str, Rows]:
    tables = [row[0] for row in psql(machine, database, _ROOTS)]
    asked = "".join(rows_sql(table, until) for table in tables)
    answers = psql(machine, database, asked)
    return {name: Rows(int(count), digest) for name, count, digest in answers}
