"""What differs between two databases, said so that it can be found again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from transhume.core.host import Host
from transhume.steps.apart import Apart, Key
from transhume.steps.described import Database
from transhume.steps.rows import Unread
from transhume.steps.tables import Name, Table

_NAMED = 100
_VALUE = 60
# Reading waits only for what shuts everybody out.
_HOLDERS = """
select n.nspname || '.' || c.relname, a.pid, a.usename::text, a.application_name,
    extract(epoch from now() - a.xact_start)::int
from pg_locks l join pg_stat_activity a on a.pid = l.pid join pg_class c on c.oid = l.relation
join pg_namespace n on n.oid = c.relnamespace
where l.mode = 'AccessExclusiveLock' and l.granted and c.relkind in ('r', 'p', 'm')
  and l.database = (select oid from pg_database where datname = current_database())
order by 1, 2
"""


def described_apart(there: Database | None, here: Database | None) -> tuple[int, tuple[str, ...]]:
    """How much there is to say of the two databases themselves, and what they have differently."""
    known, found = _fields(there), _fields(here)
    fields = sorted({*known, *found})
    return len(fields), tuple(
        f"{field}: {known.get(field, 'missing')} on the source, "
        f"{found.get(field, 'missing')} on the target"
        for field in fields
        if known.get(field) != found.get(field)
    )


def _fields(database: Database | None) -> dict[str, str]:
    if database is None:
        return {}
    own = {
        "name": database.name,
        "owner": database.owner,
        "encoding": database.encoding,
        "collation": database.collate,
        "character type": database.ctype,
        "connections": "any number" if database.limit == -1 else str(database.limit),
        "comment": database.comment or "none",
        "privileges": _privileges(database),
    }
    settings = {
        f"{f'role {role}, ' if role else ''}{name}": value
        for role, setting in database.settings
        for name, _, value in [setting.partition("=")]
    }
    return own | settings


def _privileges(database: Database) -> str:
    if database.privileges is None:
        return "the usual ones"
    granted = (
        " ".join(filter(None, (role or "public", privilege, option)))
        for role, privilege, option in database.privileges
    )
    return ", ".join(granted) or "none"


def holders(host: Host, database: str) -> list[str]:
    """Which tables nobody can read now, and who keeps everybody from it."""
    return [
        f"{table} by process {pid} ({user}{f', {program}' if program else ''}) for {seconds} s"
        for table, pid, user, program, seconds in host.sql(database, _HOLDERS)
    ]


def unread(table: Table, host: Host, database: str, read: Unread) -> str:
    """A table that couldn't be compared, and who locks it if that is why."""
    known = holders(host, database) if read.locked else []
    own = [held for held in known if held.startswith(f"{table} ")]
    by = f"; locked: {'; '.join(own)}" if own else ""
    return f"{table} couldn't be read on the {host.place}: {read.problem}{by}"


def rows_apart(
    table: Table, theirs: int, ours: int, pages: Iterable[Apart], say: Callable[[str], None]
) -> tuple[str, ...]:
    """Say each row that differs; the first of them, and how many there are, are the answer."""
    lines = []
    if theirs != ours:
        lines.append(f"{table}: {theirs:,} rows on the source, {ours:,} on the target")
        say(lines[0])
    said = count = 0
    for found in pages:
        count += sum(sum(rows.values()) for rows in (found.changed, found.missing, found.extra))
        for line in _lines(table, found):
            say(line)
            said += 1
            if said <= _NAMED:
                lines.append(line)
    last = ""
    if said > _NAMED:
        of = f" of {max(theirs, ours):,}" if theirs or ours else ""
        last = f"{table}: {count:,} rows{of} differ in all"
    elif not lines:
        last = f"{table}: other content"
    if last:
        say(last)
        lines.append(last)
    return tuple(lines)


def _lines(table: Table, found: Apart) -> Iterator[str]:
    for key, rows in found.changed.items():
        yield _row(table, key, rows, _differs(found, key))
    for key, rows in found.missing.items():
        yield _row(table, key, rows, "missing on the target")
    for key, rows in found.extra.items():
        yield _row(table, key, rows, "not on the source")


def _row(table: Table, key: Key, rows: int, what: str) -> str:
    return f"{table}, {'row' if rows == 1 else f'{rows:,} rows'}{_named(table, key)}: {what}"


def _differs(found: Apart, key: Key) -> str:
    columns = found.columns.get(key)
    return f"other {', '.join(columns)}" if columns else "other content"


def _named(table: Table, key: Key) -> str:
    """The key of a row, or what helps to find one that has none."""
    pairs = (f"{name}={_short(value)}" for name, value in zip(table.key, key, strict=True))
    return f" {', '.join(pairs)}" if key else ""


def named(table: Name, columns: Sequence[str], key: Key) -> str:
    """A row that differs, or a table in which some do."""
    pairs = (f"{name}={_short(value)}" for name, value in zip(columns, key, strict=True))
    row = f", row {', '.join(pairs)}" if key else ""
    return f"{'.'.join(table)}{row}: other content"


def _short(value: str | None) -> str:
    if value is None:
        return "null"
    text = value if value.isprintable() else repr(value)
    return text if len(text) <= _VALUE else f"{text[:_VALUE]}…"
