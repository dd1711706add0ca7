"""Gives every other table of both databases some rows: events, contacts, settings, the rest."""

from __future__ import annotations

from typing import Any

from . import accounts, db

ZONES = ("Europe/Paris", "UTC", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe")
# Debian 13 moved these names into the package tzdata-legacy.
LEGACY_ZONES = ("US/Pacific", "Asia/Calcutta", "US/Eastern")
_FEW = 20
# The schema is the same in both databases, but each of these lives in one of them only.
_ELSEWHERE = {
    db.DIRECTORY: {
        "q_mailbox_record_expunged",
        "q_message_body_purge",
        "t_mailbox_folder_flags",
        "t_message_body",
        "t_message_body_tier_change",
    },
    db.MAIL: {"t_domain", "t_server", "t_server_assignment", "t_systemconf", "rc_users"},
}

_EVENTS = """WITH made AS (
  INSERT INTO t_container_item (container_id, uid, version, displayname, createdby, created,
    updated)
  SELECT c.id, 'event-' || n, n, 'event ' || n, 'fill', now(), now()
    FROM generate_series(1, %(count)s) n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS total
            FROM t_container WHERE container_type = 'calendar') c ON c.place = n %% c.total
  RETURNING id, version)
INSERT INTO t_calendar_vevent (item_id, ical_uid, summary, location, description, dtstart_timestamp,
  dtstart_timezone, dtstart_precision, dtend_timestamp, dtend_timezone, dtend_precision,
  transparency, class, priority, attendee_status, attendee_mailto, draft)
SELECT id, 'ical-' || version, 'Réunion ' || version, E'salle\\t' || version, E'ligne 1\\nligne 2',
  timestamp '2026-01-01' + version * interval '3 hours', z.zone, 'DateTime',
  timestamp '2026-01-01' + version * interval '3 hours' + interval '1 hour', z.zone, 'DateTime',
  'Opaque', 'Public', 5, '{Accepted,Declined}', '{a@example.org,"b c@example.org"}', false
  FROM made, LATERAL (SELECT (%(zones)s::text[])[1 + version %% %(number)s]::timezone AS zone) z"""

_VCARDS = """WITH made AS (
  INSERT INTO t_container_item (container_id, uid, version, displayname, createdby, created,
    updated)
  SELECT c.id, 'card-' || c.id || '-' || n, n, 'card ' || n, 'fill', now(), now()
    FROM generate_series(1, 5) n, t_container c WHERE container_type = 'addressbook'
  RETURNING id, version)
INSERT INTO t_addressbook_vcard
SELECT id, 'individual', 'Zoë ' || id, ARRAY['Zoë', 'N' || id],
  ARRAY['z' || id || '@outside.example'],
  ARRAY['+33 1 00 00 ' || id], date '1970-01-01' + (id %% 9000)::int, 'org', E'note\\\\ ' || id,
  decode(md5(id::text), 'hex') FROM made"""

_EMPTY_ROOTS = """SELECT c.oid::regclass::text FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
    AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f')
  ORDER BY 1"""
_COLUMNS = """SELECT a.attname, format_type(a.atttypid, a.atttypmod), t.typtype
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
    AND NOT EXISTS (SELECT FROM pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum
                    AND pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval%%') ORDER BY a.attnum"""

_VALUES = {
    "bigint": "n",
    "integer": "n",
    "smallint": "n",
    "boolean": "n % 2 = 0",
    "bytea": "decode(md5(n::text), 'hex')",
    "date": "date '2026-01-01' + n",
    "hstore": "hstore('key ' || n, 'é \"quoted\" ' || n)",
    "jsonb": "jsonb_build_object('n', n, 'text', 'é' || n)",
    "text[]": "ARRAY['one', 'deux, ' || n]",
    "timestamp without time zone": "timestamp '2026-01-01' + n * interval '1 hour'",
    "timezone": "'Europe/Paris'",
}


def value(column: str, kind: str, category: str) -> str:
    """Return the SQL expression that fills a column of that type for row n."""
    if category == "e":
        # The last one: the first status of a job would say that a backup runs.
        return f"(SELECT max(e) FROM unnest(enum_range(NULL::{kind})) e)"
    return _VALUES.get(kind, f"'{column} ' || n")


def fill_empty(cursor: Any, database: str) -> int:
    """Insert a few rows into each plain root table that has none; return how many tables."""
    cursor.execute(_EMPTY_ROOTS)
    tables = {row[0] for row in cursor.fetchall()} - _ELSEWHERE[database]
    filled = 0
    for table in sorted(tables):
        cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")
        if not cursor.fetchone()[0]:
            _fill_table(cursor, table)
            filled += 1
    return filled


def _fill_table(cursor: Any, table: str) -> None:
    cursor.execute(_COLUMNS, (table,))
    columns = cursor.fetchall()
    names = ", ".join(f'"{name}"' for name, _, _ in columns)
    values = ", ".join(value(*column) for column in columns)
    cursor.execute(
        f"INSERT INTO {table} ({names}) SELECT {values} FROM generate_series(1, {_FEW}) n"
    )


def calendars(cursor: Any, events: int, legacy: bool) -> None:
    zones = [*ZONES, *(LEGACY_ZONES if legacy else ())]
    cursor.execute(_EVENTS, {"count": events, "zones": zones, "number": len(zones)})
    cursor.execute(_VCARDS, ())


def filled() -> bool:
    return bool(
        db.Pool(db.DIRECTORY, "fill").rows("SELECT FROM t_domain_user WHERE login = 'user1'")
    )


def people(count: int, domain: str) -> list[accounts.Account]:
    """Create users in both databases."""
    directory, mail = db.connect(db.DIRECTORY, "fill"), db.connect(db.MAIL, "fill")
    with directory, mail, directory.cursor() as first, mail.cursor() as second:
        made = [
            accounts.create_user(first, second, domain, f"user{n}", f"User É {n}")
            for n in range(1, count + 1)
        ]
    directory.close()
    mail.close()
    return made


def run(events: int, legacy: bool) -> dict[str, int]:
    """Fill what is neither mail nor user; return what was made."""
    filled = 0
    for database in (db.DIRECTORY, db.MAIL):
        session = db.connect(database, "fill")
        with session, session.cursor() as cursor:
            if database == db.MAIL:
                calendars(cursor, events, legacy)
            filled += fill_empty(cursor, database)
        session.close()
    return {"events": events, "other_tables": filled}
