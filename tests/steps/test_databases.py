"""Databases: SQL that survives any name, and copies that are proved."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import pq

from tests.contract.machines import servers
from tests.fakes import FakeHost
from transhume.core.change import DumpDatabase, RestoreDatabase, Run, Together, leaves, psql
from transhume.core.host import Pair
from transhume.errors import StepFailed
from transhume.steps.copier import Copier, creation
from transhume.steps.databases import Dump, Rehearse, Restore
from transhume.steps.described import Database
from transhume.steps.postgresql import StartPostgres, StartSourcePostgres

_names = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1)
_QUOTED = re.compile(r'"(?:[^"]|"")*"| ?E\'(?:[^\'\\]|\'\'|\\\\)*\'|\'(?:[^\']|\'\')*\'', re.DOTALL)
COPIER = Copier(("bj", "bj-data"), ("keycloak",), "/var/lib/transhume/dumps", 2)


@given(_names, _names, _names, st.lists(st.tuples(_names, _names), max_size=2))
@settings(max_examples=60)
def test_no_name_breaks_out_of_its_quotes(
    name: str, owner: str, locale: str, values: list[tuple[str, str]]
) -> None:
    own = tuple((role, f"work_mem={value}") for role, value in values)
    script = creation(Database(name, owner, "UTF8", locale, locale, own))
    bare = _QUOTED.sub("?", script)
    role = "alter role ? in database ? set ? to ?;\n"
    expected = "drop database if exists ? with (force);\ncreate database ? owner ? template "
    expected += f"template0 encoding ? lc_collate ? lc_ctype ?;\n{role * len(values)}"
    assert " ".join(bare.split()) == " ".join(expected.split())


def test_owner_locale_and_settings_are_the_sources() -> None:
    own = (("", "TimeZone=GMT"), ("bj", 'search_path=public, "$user"'), ("", "bm.x_partitions=256"))
    script = creation(Database("bj-data", "bj", "UTF8", "fr_FR.UTF-8", "C", own))
    assert script.splitlines() == [
        'drop database if exists "bj-data" with (force);',
        'create database "bj-data" owner "bj" template template0 encoding \'UTF8\' '
        "lc_collate 'fr_FR.UTF-8' lc_ctype 'C';",
        'alter database "bj-data" set "TimeZone" to \'GMT\';',
        'alter role "bj" in database "bj-data" set "search_path" to \'public\', \'$user\';',
        'alter database "bj-data" set "bm.x_partitions" to \'256\';',
    ]


@pytest.mark.parametrize("name", ["bj", "it's", "back\\slash", "a b", "x' host='evil"])
def test_a_name_stays_one_word_for_libpq(name: str) -> None:
    acts = (
        DumpDatabase(name, "/d", 2, "1"),
        RestoreDatabase(name, "/d", 2),
        psql(name, "select 1"),
    )
    for act in acts:
        argv = list(act.commands())[-1].argv
        (where,) = [word for word in argv if word.startswith("service=")]
        parsed = {option.keyword: option.val for option in pq.Conninfo.parse(where.encode())}
        assert parsed[b"dbname"] == name.encode()
        assert parsed[b"host"] is None


def _pair(**held: object) -> Pair:
    pair = servers()
    assert isinstance(pair.target, FakeHost)
    pair.target.held.update(held)  # type: ignore[arg-type]
    return pair


def _target(pair: Pair) -> FakeHost:
    assert isinstance(pair.target, FakeHost)
    return pair.target


def test_all_are_dumped_at_once_into_the_private_folder() -> None:
    (change,) = Dump(COPIER, COPIER.present).run(servers())
    assert isinstance(change.act, Together)
    assert change.title == "dump bj, bj-data, keycloak"
    for act in change.act.acts:
        assert isinstance(act, DumpDatabase)
        argv = list(act.commands())[-1].argv
        assert f"--file=/var/lib/transhume/dumps/{act.database}" in argv
        assert "PGPASSWORD" not in shlex.join(argv)
    private = ("mkdir", "-p", "-m", "0700", "/var/lib/transhume/dumps")
    assert private in [command.argv for command in change.act.commands()]


@pytest.mark.parametrize(
    ("version", "compress"),
    [
        ("17.2 (Debian 17.2-1)", "zstd:1"),
        ("16.0", "zstd:1"),
        ("15.14 (Debian)", "0"),
        ("18beta1", "zstd:1"),
    ],
)
def test_a_newer_pg_dump_compresses_with_zstd_and_none_with_gzip(
    version: str, compress: str
) -> None:
    pair = servers()
    _target(pair).said["pg_dump --version"] = f"pg_dump (PostgreSQL) {version}\n"
    (change,) = Dump(COPIER, COPIER.present).run(pair)
    assert isinstance(change.act, Together)
    assert {act.compress for act in change.act.acts if isinstance(act, DumpDatabase)} == {compress}


@pytest.mark.parametrize(("kind", "finish"), [(Rehearse, False), (Dump, True)])
def test_only_the_rehearsal_may_be_held_back(kind: type[Rehearse | Dump], finish: bool) -> None:
    acts = [
        act for change in kind(COPIER, COPIER.present).run(servers()) for act in leaves(change.act)
    ]
    assert {act.finish for act in acts if isinstance(act, DumpDatabase)} == {finish}


def test_a_restore_stops_at_its_first_error() -> None:
    changes = list(Restore(COPIER, COPIER.present).run(servers()))
    commands = [each for each in changes[-1].act.commands() if "pg_restore" in each.argv]
    assert [change.title for change in changes[:-1]] == [
        "create bj",
        "create bj-data",
        "create keycloak",
    ]
    assert len(commands) == 3
    assert all("--exit-on-error" in command.argv for command in commands)
    assert all(command.ok == (0,) for command in commands)


def test_a_database_that_every_server_has_must_be_there() -> None:
    pair = servers()
    assert isinstance(pair.source, FakeHost)
    pair.source.held["select datname from pg_database"] = [("bj",), ("postgres",)]
    with pytest.raises(StepFailed, match="no database bj-data"):
        list(Dump(COPIER, COPIER.present).run(pair))


def test_a_dump_that_isnt_whole_is_no_dump() -> None:
    pair = servers()
    assert list(Dump(COPIER, COPIER.present).verify(pair)) == []
    _target(pair).said["pg_restore --list"] = 1
    found = list(Dump(COPIER, COPIER.present).verify(pair))
    assert [getattr(item, "key", "") for item in found] == ["dump-missing"] * 3


def test_a_rehearsal_that_was_made_isnt_made_again() -> None:
    pair = servers()
    target = _target(pair)
    assert list(Rehearse(COPIER, COPIER.present).run(pair))
    target.files |= {
        f"{COPIER.folder}/{name}/toc.dat": b"" for name in ("bj", "bj-data", "keycloak")
    }
    assert list(Rehearse(COPIER, COPIER.present).run(pair)) == []
    target.held["with own as ( select c.oid, n.nspname"] = [("relation", "public.t_other", "rp")]
    assert list(Rehearse(COPIER, COPIER.present).run(pair))


@pytest.mark.parametrize("step", [StartPostgres(), StartSourcePostgres()])
def test_postgresql_is_started_once_and_awaited(step: StartPostgres) -> None:
    pair = servers()
    titles = [change.title for change in step.run(pair)]
    assert titles == ["start PostgreSQL", "wait until it answers"]
    host = pair.source if step.touches == {"source"} else pair.target
    assert isinstance(host, FakeHost)
    host.units["postgresql.service"] = ("active", "enabled")
    acts = [change.act for change in step.run(pair)]
    assert not any(isinstance(act, Run) for act in acts)


@pytest.mark.parametrize(
    ("jobs", "expected"), [(1, (1, 1, 1)), (2, (1, 2, 1)), (8, (1, 7, 1)), (16, (2, 13, 1))]
)
def test_the_processes_are_shared_by_size(jobs: int, expected: tuple[int, int, int]) -> None:
    sizes = [("bj", 10), ("bj-data", 82), ("keycloak", 8), ("postgres", 900)]
    source = FakeHost("source", held={"pg_database_size": sizes})
    copier = replace(COPIER, jobs=jobs)
    assert tuple(copier.shares(source, ("bj", "bj-data", "keycloak")).values()) == expected


def test_a_database_that_was_dropped_a_moment_ago_has_its_share() -> None:
    source = FakeHost("source", held={"pg_database_size": [("bj", 10)]})
    assert COPIER.shares(source, ("bj", "gone"))["gone"] == 1
