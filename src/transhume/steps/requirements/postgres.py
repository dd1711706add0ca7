"""What the target's PostgreSQL must be able to do to take the source's databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from psycopg import sql

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.errors import StepFailed
from transhume.steps.requirements.programs import installing
from transhume.steps.requirements.remedy import quoted
from transhume.steps.requirements.roles import present

_NO_ZONE = "22023"
"""PostgreSQL's code for a name that is no time zone (invalid_parameter_value)."""

_MAJOR = "select current_setting('server_version_num')::int / 10000"
_EXTENSIONS = "select extname, extversion from pg_extension"
_AVAILABLE = "select name, coalesce(default_version, '') from pg_available_extensions"
# Read as JSON, because the provider is told from PostgreSQL 15 on alone.
_LOCALE = """
select datcollate, datctype, pg_encoding_to_char(encoding),
       coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
from pg_database d where datname = %s
"""
_SETTINGS = """
select name, setting from pg_settings
where source = 'configuration file' and category not like 'File Locations%'
  and category not like 'Reporting and Logging%' and name not in
  ('cluster_name', 'external_pid_file', 'ssl_cert_file', 'ssl_key_file', 'stats_temp_directory',
   'unix_socket_directories', 'port', 'TimeZone', 'DateStyle', 'default_text_search_config')
"""
# Columns whose domain is checked against the names of time zones that the server knows.
_ZONED = """
select n.nspname, c.relname, a.attname
from pg_attribute a join pg_type t on t.oid = a.atttypid
join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where t.typtype = 'd' and t.typname = %s and c.relkind in ('r', 'p') and not c.relispartition
  and not a.attisdropped
"""


def major(pair: Pair) -> Iterator[Finding]:
    """A dump can be restored by the same major or a newer one, never by an older."""
    there = pair.source.sql("postgres", _MAJOR)[0][0]
    here = pair.target.sql("postgres", _MAJOR)[0][0]
    if here < there:
        yield Finding(
            "postgresql-older",
            "blocks",
            "target",
            f"PostgreSQL {here} here, {there} on the source",
            "An older server can't restore a newer one's dump.",
            f"install PostgreSQL {there} or newer on the target",
        )


def extensions(names: tuple[str, ...]) -> Look:
    """Every extension in use must be installable on the target, and not be older there."""

    def look(pair: Pair) -> Iterator[Finding]:
        available = dict(pair.target.sql("postgres", _AVAILABLE))
        used = dict(
            sorted(
                {
                    row
                    for name in present(pair.source, names)
                    for row in pair.source.sql(name, _EXTENSIONS)
                }
            )
        )
        for extension in sorted(set(used) - set(available)):
            package = extension.replace("_", "-")
            yield Finding(
                "extension-missing",
                "blocks",
                "target",
                f"the extension {extension} {used[extension]} isn't available here",
                "The restore would stop at its first object.",
                f"install the package that brings it: apt search {quoted(package)}",
            )
        for extension in sorted(set(used) & set(available)):
            there, here = used[extension], available[extension]
            if _numbers(here) < _numbers(there):
                yield Finding(
                    "extension-older",
                    "warns",
                    "target",
                    f"the extension {extension} is of version {here} here, {there} on the source",
                    "What the newer one added would be missing, and its objects may not restore.",
                    f"install the package that brings {extension} {there} or newer",
                )

    return look


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


def locales(names: tuple[str, ...]) -> Look:
    """The databases' locales and encodings must exist on the target."""

    def look(pair: Pair) -> Iterator[Finding]:
        for name in present(pair.source, names):
            collate, ctype, encoding, provider = pair.source.sql("postgres", _LOCALE, name)[0]
            for locale in sorted({collate, ctype}):
                yield from _locale(pair.target, name, locale)
            if pair.target.sql("postgres", "select pg_char_to_encoding(%s)", encoding)[0][0] < 0:
                yield Finding(
                    "encoding-missing",
                    "blocks",
                    "target",
                    f"the encoding {encoding} of {name} isn't known to PostgreSQL here",
                    "The database couldn't be created like the source's.",
                    f"convert {name} to UTF8 on the source first",
                )
            if provider != "c":
                yield Finding(
                    "locale-provider",
                    "warns",
                    "source",
                    f"{name} is sorted by the locale provider {provider!r}, not by the C library",
                    "The copy is created with the C library's locale: lists may sort otherwise.",
                    'accept it: [check] accept = ["locale-provider"]',
                )

    return look


def _locale(target: Host, name: str, locale: str) -> Iterator[Finding]:
    known = "select 1 from pg_collation where collcollate = %s"
    spellings = {locale, locale.replace("UTF-8", "utf8")}
    if not any(target.sql("postgres", known, spelling) for spelling in spellings):
        yield Finding(
            "locale-missing",
            "blocks",
            "target",
            f"the locale {locale} of {name} isn't known to PostgreSQL here",
            "The database couldn't be created like the source's.",
            "dpkg-reconfigure locales, then restart PostgreSQL",
        )


def time_zones(names: tuple[str, ...], domain: str) -> Look:
    """The target must take each zone's name in use, or the table of it arrives empty."""

    def look(pair: Pair) -> Iterator[Finding]:
        used: Counter[str] = Counter()
        for database in present(pair.source, names):
            for counted in _zones(pair.source, database, domain):
                used += counted
        unknown = _refused(pair.target, sorted(used))
        if unknown:
            rows = sum(used[zone] for zone in unknown)
            yield Finding(
                "timezone-unknown",
                "blocks",
                "target",
                f"{len(unknown)} names used by {rows} rows aren't known here: "
                + ", ".join(unknown[:3]),
                "Restoring their table would lose every row of it.",
                installing(pair.target, "tzdata-legacy") + ", then restart PostgreSQL",
            )

    return look


def _zones(host: Host, database: str, domain: str) -> Iterator[Counter[str]]:
    """The names in each column of the domain, with their rows."""
    for schema, table, column in host.sql(database, _ZONED, domain):
        query = sql.SQL("select {0}::text, count(*) from {1} where {0} is not null group by 1")
        counted = query.format(sql.Identifier(column), sql.Identifier(schema, table))
        yield Counter(dict(host.sql(database, counted.as_string())))


def _refused(host: Host, zones: list[str]) -> list[str]:
    """Those that PostgreSQL there takes for no zone: tried, for it takes more than it lists."""
    if not zones:
        return []
    query = sql.SQL("select pg_catalog.now() at time zone {zone}::text")
    tried = [query.format(zone=sql.Literal(zone)).as_string() for zone in zones]
    refused = []
    with host.snapshot("postgres", 1) as snapshot:
        for answer in snapshot.ask(tried):
            if answer.code == _NO_ZONE:
                refused.append(zones[answer.at])
            elif answer.problem:
                raise StepFailed(f"the {host.place} can't try a time zone: {answer.problem}")
    return sorted(refused)


def settings(pair: Pair) -> Iterator[Finding]:
    """What stands in the server's own files belongs to its version; the admin decides on it."""
    there, here = (dict(host.sql("postgres", _SETTINGS)) for host in (pair.source, pair.target))
    differing = sorted(name for name in there if there[name] != here.get(name))
    if differing:
        listed = ", ".join(f"{name} = {there[name]}" for name in differing[:6])
        more = f" and {len(differing) - 6} more" if len(differing) > 6 else ""
        yield Finding(
            "postgresql-settings",
            "notes",
            "source",
            f"its PostgreSQL is set otherwise: {listed}{more}",
            "What stands in postgresql.conf.local moves; the other files belong to their version.",
            "repeat on the target what was set on purpose in the others",
        )
