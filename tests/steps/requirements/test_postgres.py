"""PostgreSQL on both: versions, extensions, locales, roles, settings, time zones, health."""

from __future__ import annotations

import shlex

import pytest

from tests.fakes import FakeHost
from tests.profiles.troubles import CHECKS, Alter, Case, both, found, held, pair, said, says_no
from transhume.core.host import Answer
from transhume.errors import StepFailed, Unreachable

_NEWEST = 'order by "created" desc'
_DUMP = "pg_dump (PostgreSQL) 13.4\n"
_ZONES = 'select "timezone"::text'
_LOCALE = "select datcollate, datctype"
_AVAILABLE = "from pg_available_extensions"
_ROLES = "from pg_roles where rolname !~"
_COLLATION = "pg_collation_actual_version(oid) from"
_DATABASE = "datcollversion <>"
_NAMES = "select datname from pg_database"


def _no_zone(name: str) -> Alter:
    refused = Answer(0, [], f'time zone "{name}" not recognized', "22023")
    return held("target", f"now() at time zone '{name}'", [refused])


CASES = [
    Case(
        "databases",
        held("source", _NAMES, [("bj",)]),
        *("database-absent", "blocks", "no database bj-data"),
    ),
    Case(
        "databases",
        both(
            held("source", _NAMES, [("bj",), ("bj-data",), ("wiki",)]),
            held("source", "select datname, pg_database_size(oid)", [("wiki", 7_000_000)]),
        ),
        *("database-left", "warns", "wiki (7,000,000 bytes)"),
    ),
    Case(
        "exchanged",
        held("target", _NEWEST, [(1, "2027-01-01", "x")]),
        *("exchanged", "blocks", "about 1 messages up to 2027-01-01, the source about 12 messages"),
    ),
    Case("exchanged", held("source", _NEWEST, []), "exchanged", "blocks", "the source none"),
    Case(
        "exchanged",
        held("source", 'where "guid" = ', []),
        *("target-used", "warns", "never on the source"),
    ),
    Case(
        "c-library",
        held("target", "select coalesce(max(pg_collation_actual_version", [("2.41",)]),
        *("collation-version", "notes", "2.41 here, by 2.36"),
    ),
    Case(
        "postgresql",
        held("target", "server_version_num", [(14,)]),
        *("postgresql-older", "blocks", "PostgreSQL 14 here, 15"),
    ),
    Case("pg-dump", said("target", "pg_dump --version", _DUMP), "pg-dump-older", "blocks", "13"),
    Case(
        "settings",
        held("target", "select name, setting from pg_settings", []),
        *("postgresql-settings", "notes", "shared_buffers = 16384"),
    ),
    Case(
        "extensions",
        held("target", _AVAILABLE, [("hstore", "1.8")]),
        *("extension-missing", "blocks", "pg_repack"),
    ),
    Case(
        "extensions",
        held("target", _AVAILABLE, [("hstore", "1.8"), ("pg_repack", "1.4.10")]),
        *("extension-older", "warns", "1.4.10 here, 1.5.0 on the source"),
    ),
    Case(
        "locales",
        held("target", "select 1 from pg_collation", []),
        *("locale-missing", "blocks", "C.UTF-8"),
    ),
    Case(
        "locales",
        held("target", "pg_char_to_encoding", [(-1,)]),
        *("encoding-missing", "blocks", "UTF8"),
    ),
    Case(
        "locales",
        held("source", _LOCALE, [("C.UTF-8", "C.UTF-8", "UTF8", "i")]),
        *("locale-provider", "warns", "'i'"),
    ),
    Case(
        "collations",
        held("source", _COLLATION, [("fr_FR", "2.28", "2.31")]),
        *("collation-stale", "warns", "fr_FR in bj was sorted by version 2.28"),
    ),
    Case(
        "collations",
        held("source", _DATABASE, [("bj", "2.28", "2.31")]),
        *("collation-stale", "warns", "bj was sorted by version 2.28"),
    ),
    Case(
        "roles",
        held("target", _ROLES, [("postgres", "superuser login")]),
        *("role-missing", "blocks", "the role bj"),
    ),
    Case(
        "roles",
        held("target", _ROLES, [("bj", "login")]),
        *("role-differs", "warns", "may login here"),
    ),
    Case(
        "roles",
        held("source", _ROLES, [("bj", "login"), ("wiki", "login")]),
        *("role-left", "notes", "wiki"),
    ),
    Case(
        "roles",
        both(
            held("source", _ROLES, [("bj", "createdb login")]),
            held("target", _ROLES, [("bj", "login")]),
        ),
        *("role-differs", "warns", "may login here, there createdb login"),
    ),
    Case(
        "members",
        held("source", "from pg_auth_members", [("pg_monitor", "telegraf")]),
        *("role-member", "notes", "telegraf belongs to pg_monitor"),
    ),
    Case(
        "role-settings",
        held(
            "source",
            "r.oid = s.setrole where s.setdatabase = 0",
            [("bj", "search_path=mail, public")],
        ),
        *("role-setting", "warns", "search_path = mail, public"),
    ),
    Case(
        "database-settings",
        held("source", "split_part(unnest(setconfig)", [("bj", "default_with_oids")]),
        *("database-setting", "blocks", "default_with_oids"),
    ),
    Case(
        "tablespaces",
        held("source", "pg_tablespace_location", [("fast", "/srv/fast", 5, ["bj"])]),
        *("tablespace-missing", "blocks", "fast (/srv/fast"),
    ),
    Case(
        "indexes",
        held("source", "where not i.indisvalid", [("public", "i_body")]),
        *("index-invalid", "warns", "i_body of bj"),
    ),
    Case(
        "prepared",
        held("source", "from pg_prepared_xacts", [("x'y", "bj", "bj-data")]),
        *("prepared-transaction", "blocks", "x'y of bj"),
    ),
    Case(
        "connections",
        held("source", "pg_stat_activity where backend_type", [(97, 95)]),
        *("connections", "warns", "95 of 97"),
    ),
    Case(
        "sessions",
        held("target", "group by 1, 2, 3", [("bj", "bj", "telegraf", 2)]),
        *("sessions", "notes", "2 of bj (telegraf) to bj"),
    ),
    Case(
        "time-zones",
        both(held("source", _ZONES, [("US/Pacific", 7)]), _no_zone("US/Pacific")),
        *("timezone-unknown", "blocks", "US/Pacific"),
    ),
]
_TOLD = {case.check for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_says_no(case: Case) -> None:
    says_no(case)


@pytest.mark.parametrize(
    "error",
    [
        StepFailed("a query on the source's bj failed: canceling statement due to lock timeout"),
        Unreachable("the source's PostgreSQL, database bj, doesn't answer: connection refused"),
    ],
    ids=["locked", "refused"],
)
@pytest.mark.parametrize("check", sorted(_TOLD - {"sessions"}))
def test_a_locked_table_and_a_refused_connection_are_unknown(check: str, error: Exception) -> None:
    def alter(source: FakeHost, target: FakeHost) -> None:
        source.held = {" ": error}

    (seen,) = found(check, alter)
    assert (seen.key, seen.severity) == (check, "unknown")
    assert str(error) in seen.seen
    assert seen.remedy


def test_what_the_source_purged_since_the_rehearsal_doesnt_exchange_the_machines() -> None:
    """The target's copy then holds more messages, but no newer one."""
    purged = held("target", _NEWEST, [(99, "2026-11-22", "x")])
    assert found("exchanged", purged) == []


@pytest.mark.parametrize(
    "fresh",
    [
        held("target", _NAMES, []),
        held("target", "select 1 from pg_class", []),
        held("target", _NEWEST, []),
    ],
    ids=["no database", "no table", "no row"],
)
def test_a_fresh_target_holds_nothing_newer(fresh: Alter) -> None:
    assert found("exchanged", fresh) == []


def test_names_of_time_zones_are_counted_over_all_databases() -> None:
    used = held("source", _ZONES, [("US/Pacific", 7), ("Asia/Calcutta", 1), ("UTC", 2)])
    (seen,) = found("time-zones", both(used, _no_zone("US/Pacific"), _no_zone("Asia/Calcutta")))
    assert seen.seen == "2 names used by 24 rows aren't known here: Asia/Calcutta, US/Pacific"


def test_a_zone_that_cant_be_tried_is_unknown() -> None:
    locked = Answer(0, [], "out of memory", "53200")
    (seen,) = found("time-zones", held("target", "now() at time zone", [locked]))
    assert seen.severity == "unknown"
    assert "out of memory" in seen.seen


def test_an_optional_database_that_isnt_there_is_asked_nothing() -> None:
    made = pair(held("source", _NAMES, [("bj",), ("bj-data",)]))
    for check in ("extensions", "locales", "indexes", "time-zones", "collations"):
        CHECKS[check].findings(made)
    assert isinstance(made.source, FakeHost)
    assert {database for database, _ in made.source.queries} <= {"postgres", "bj", "bj-data"}


def test_a_setting_of_a_programs_own_is_known_to_every_version() -> None:
    own = held("source", "split_part(unnest(setconfig)", [("bj", "bm.mailbox_record_partitions")])
    assert found("database-settings", own) == []


@pytest.mark.parametrize("name", ["o'brien", 'a"b', "$(reboot)", "x; drop table y", "`id`"])
def test_a_hostile_name_runs_nothing_where_its_remedy_is_pasted(name: str) -> None:
    needed = held("source", "select distinct pg_get_userbyid(refobjid)", [(name,)])
    exists = held("source", _ROLES, [(name, "superuser login")])
    (seen,) = found("roles", both(needed, exists))
    words = shlex.split(seen.remedy)
    quoted = name.replace('"', '""')
    assert words == [*("runuser", "-u", "postgres", "--", "psql", "-c"), words[6], "postgres"]
    assert words[6] == f'create role "{quoted}"'


def test_older_than_15_keeps_no_version_of_a_database() -> None:
    old = both(
        held("source", "server_version_num", [(13,)]),
        held("source", _DATABASE, StepFailed("no such column")),
    )
    assert found("collations", old) == []
