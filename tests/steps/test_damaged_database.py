"""Damage in a real PostgreSQL is named, each by its own name, and nothing else."""

from __future__ import annotations

import re

import pytest

from tests.servers import PROGRAM, Server
from transhume.core.event import Progress
from transhume.core.host import Pair
from transhume.errors import TranshumeError
from transhume.hosts import snapshot
from transhume.steps.apart import Finder
from transhume.steps.copier import creation
from transhume.steps.database_proof import prove
from transhume.steps.described import described

pytestmark = pytest.mark.programs(PROGRAM)

# What has been a trap: a column of the name that a row has in the queries, texts that depend on
# the session, names that want quotes, order of columns, rows without a key.
_MADE = """
create extension hstore;
create table "It's %s ""big"" one" (id bigint primary key, r text, at timestamptz, took interval,
    weight float8, raw bytea, tags text[], more hstore, doc jsonb);
insert into "It's %s ""big"" one" select i, 'r' || i, timestamptz '2026-01-01' + i * interval '1 s',
    i * interval '1 min', i / 7.0, decode(md5(i::text), 'hex'), array['a', 'b' || i],
    hstore('k', i::text), jsonb_build_object('a', i) from generate_series(1, 30000) i;
create table twice (item int, said text);
insert into twice select i % 100, 'said ' || i from generate_series(1, 1000) i;
create index on twice (item);
create table parted (a int, b text) partition by hash (a);
create table parted_0 partition of parted for values with (modulus 2, remainder 0);
create table parted_1 partition of parted for values with (modulus 2, remainder 1);
insert into parted select i, 'x' from generate_series(1, 100) i;
create table other_order (a int, b text);
insert into other_order values (1, 'x');
create table counted_rows (id int primary key, b text);
insert into counted_rows select i, 'x' from generate_series(1, 50) i;
create table empty ();
create sequence counted;
select setval('counted', 40);
create type mood as enum ('good', 'bad');
create domain counting as int check (value > 0);
create view seen as select item, said from twice where item < 5;
create function touched() returns trigger language plpgsql as 'begin return new; end';
create trigger touch before insert on parted for each row execute function touched();
create procedure worked(a int default 5) language sql as 'select 1';
create aggregate total (int) (sfunc = int4pl, stype = int, initcond = '0');
grant select on twice to public;
comment on table twice is 'no key';
alter table twice add constraint positive check (item >= 0);
"""
_REORDERED = "drop table other_order; create table other_order (b text, a int); "
_REORDERED += "insert into other_order values ('x', 1)"


@pytest.fixture(scope="module")
def pair(two_servers: Pair) -> Pair:
    for host in (two_servers.source, two_servers.target):
        assert isinstance(host, Server)
        host.run("postgres", 'create database "b j"')
        host.run("b j", _MADE)
    return two_servers


def _target(pair: Pair) -> Server:
    assert isinstance(pair.target, Server)
    return pair.target


def _differing(pair: Pair) -> list[str]:
    return [line for proof in prove(pair, "b j") for line in proof.differing]


def test_two_equal_databases_are_equal(pair: Pair) -> None:
    _target(pair).run("b j", _REORDERED)
    # The target's own way to write values must not matter.
    _target(pair).run(
        "postgres",
        "alter role bj set timezone to 'Asia/Tokyo'; alter role bj set datestyle to \"German\"; "
        "alter role bj set bytea_output to 'escape'; alter role bj set extra_float_digits to 0; "
        "alter role bj set intervalstyle to 'sql_standard'; "
        "alter role bj set search_path to 'public'",
    )
    heard: list[Progress] = []
    proofs = list(prove(pair, "b j", heard.append))
    assert [(proof.part, proof.whole, proof.differing) for proof in proofs] == [
        ("b j: settings", True, ()),
        ("b j: schema", True, ()),
        ("b j", True, ()),
        ("b j: sequences", True, ()),
    ]
    assert (heard[-1].done, heard[-1].unit) == (heard[-1].total, "bytes")


_BIG = '"It\'s %s ""big"" one"'
_FUNCTION = "create or replace function touched() returns trigger language plpgsql as"
_DAMAGES = {
    "a changed cell": (
        f"update {_BIG} set raw = '' where id = 7777",
        f"update {_BIG} set raw = decode(md5('7777'), 'hex') where id = 7777",
        ['public.It\'s %s "big" one, row id=7777: other raw'],
    ),
    "a missing row and one too many": (
        "delete from counted_rows where id = 5; insert into counted_rows values (99, 'x')",
        "delete from counted_rows where id = 99; insert into counted_rows values (5, 'x')",
        [
            "public.counted_rows, row id=5: missing on the target",
            "public.counted_rows, row id=99: not on the source",
        ],
    ),
    "rows lost": (
        "delete from twice where item = 42",
        "insert into twice select i % 100, 'said ' || i from generate_series(42, 1000, 100) i",
        [
            "public.twice: 1,000 rows on the source, 990 on the target",
            "public.twice, 10 rows item=42: missing on the target",
        ],
    ),
    "a changed row without a key": (
        "update twice set said = 'else' where said = 'said 42'",
        "update twice set said = 'said 42' where said = 'else'",
        ["public.twice, row item=42: other content"],
    ),
    "rows of partitions": (
        "update parted set b = 'y' where a <= 10",
        "update parted set b = 'x' where a <= 10",
        ["public.parted_0, 2 rows: other content", "public.parted_1, 8 rows: other content"],
    ),
    "a sequence behind": (
        "select setval('counted', 39)",
        "select setval('counted', 40)",
        ["sequence public.counted: 40 on the source, 39 on the target"],
    ),
    "a lost index": (
        "drop index twice_item_idx",
        "create index on twice (item)",
        ["index public.twice_item_idx: missing on the target"],
    ),
    "a missing extension": (
        "create extension unaccent",
        "drop extension unaccent",
        ["extension unaccent: not on the source"],
    ),
    "a function of other body": (
        f"{_FUNCTION} 'begin return old; end'",
        f"{_FUNCTION} 'begin return new; end'",
        [
            "function public.touched(): …sql AS $function$begin return new; end$function$ owner bj "
            "on the source, …sql AS $function$begin return old; end$function$ owner bj on the"
        ],
    ),
    "a trigger switched off": (
        "alter table parted disable trigger touch",
        "alter table parted enable trigger touch",
        [
            "trigger public.parted.touch: CREATE TRIGGER",
            "trigger public.parted_0.touch: not on the source",
            "trigger public.parted_1.touch: not on the source",
        ],
    ),
    "a privilege taken away": (
        "revoke select on twice from public",
        "grant select on twice to public",
        ["privileges r public.twice: bj DELETE"],
    ),
    "a constraint not validated": (
        "alter table twice drop constraint positive, add constraint positive check (item >= 0) "
        "not valid",
        "alter table twice validate constraint positive",
        ["constraint public.twice.positive: CHECK ((item >= 0)) on the source, CHECK"],
    ),
    "another value of an enum": (
        "alter type mood rename value 'bad' to 'worse'",
        "alter type mood rename value 'worse' to 'bad'",
        ["type public.mood: e 'good','bad' owner bj on the source, e 'good','worse'"],
    ),
    "another replica identity": (
        "alter table twice replica identity full",
        "alter table twice replica identity default",
        ["identity public.twice: not on the source"],
    ),
    "a default": (
        "alter table twice alter item set default 7",
        "alter table twice alter item drop default",
        ["column public.twice.item: integer on the source, integer default 7 on the target"],
    ),
    "a comment": (
        "comment on table twice is 'else'",
        "comment on table twice is 'no key'",
        ["comment table public.twice: no key on the source, else on the target"],
    ),
    "a view that reads something else": (
        "create or replace view seen as select item, said from twice where item < 6",
        "create or replace view seen as select item, said from twice where item < 5",
        ["view public.seen: SELECT"],
    ),
    "a setting of the database": (
        "alter database \"b j\" set work_mem to '8MB'",
        'alter database "b j" reset work_mem',
        ["work_mem: missing on the source, 8MB on the target"],
    ),
    "what a database allows": (
        'revoke connect on database "b j" from public; comment on database "b j" is \'mine\'; '
        'alter database "b j" connection limit 7',
        'grant connect on database "b j" to public; comment on database "b j" is null; '
        'alter database "b j" connection limit -1',
        [
            "comment: none on the source, mine on the target",
            "connections: any number on the source, 7 on the target",
            "privileges: the usual ones on the source, public TEMPORARY, bj CONNECT, bj CREATE",
        ],
    ),
}


@pytest.mark.parametrize("damage", list(_DAMAGES))
def test_a_damage_is_named_and_nothing_else(pair: Pair, damage: str) -> None:
    spoil, mend, named = _DAMAGES[damage]
    _target(pair).run("b j", spoil)
    seen = _differing(pair)
    _target(pair).run("b j", mend)
    assert len(seen) == len(named)
    for line, beginning in zip(seen, named, strict=True):
        assert line.startswith(beginning)


_ALLOWED = """
create role reader; create database allowed;
revoke all on database allowed from public, bj;
grant connect on database allowed to reader with grant option;
grant create on database allowed to bj;
comment on database allowed is 'it''s mine'; alter database allowed connection limit 7;
"""


@pytest.mark.parametrize("made", [_ALLOWED, "create database allowed; create role reader"])
def test_a_database_is_created_with_what_it_allows(pair: Pair, made: str) -> None:
    assert isinstance(pair.source, Server)
    for statement in filter(str.strip, made.split(";")):
        pair.source.run("postgres", statement)
    _target(pair).run("postgres", "create role reader")
    known = described(pair.source, "allowed")
    assert known is not None
    for statement in creation(known).splitlines():
        _target(pair).run("postgres", statement)
    assert described(pair.target, "allowed") == known
    assert (known.privileges is None) is (made is not _ALLOWED)
    for host in (pair.source, _target(pair)):
        host.run("postgres", "drop database allowed")
        host.run("postgres", "drop role reader")


@pytest.mark.parametrize("page", [100_000, 4_000])
def test_of_very_many_rows_the_first_are_named_and_all_are_told(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    """A page at a time, so that no number of them fills the memory."""
    monkeypatch.setattr(Finder.pages, "__defaults__", (page,))
    _target(pair).run("b j", f"update {_BIG} set weight = -weight")
    told: list[tuple[str, str]] = []
    proofs = list(prove(pair, "b j", tell=lambda part, said: told.append((part, said))))
    _target(pair).run("b j", f"update {_BIG} set weight = -weight")
    seen = [line for proof in proofs for line in proof.differing]
    assert len(seen) == 101
    assert seen[-1].endswith("30,000 rows of 30,000 differ in all")
    assert {part for part, _ in told} == {"b j"}
    keys = {found[0] for _, said in told if (found := re.findall(r"row id=(\d+): other ", said))}
    assert (len(keys), len(told)) == (30_000, 30_001)


def test_a_locked_table_is_no_equal_one(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient = snapshot.SESSION.replace("'5s'", "'100ms'")
    monkeypatch.setattr(snapshot, "SESSION", impatient)
    with _target(pair).connect("b j") as other:
        other.execute("set application_name to 'someone'")
        other.execute("begin; lock table other_order")
        seen = _differing(pair)
    (told,) = [line for line in seen if line.startswith("public.other_order")]
    assert re.search(
        r"couldn't be read on the target: .*; locked: public.other_order by process \d+ "
        r"\(bj, someone\) for \d+ s$",
        told,
    )


def test_a_server_that_refuses_is_no_equal_one(pair: Pair) -> None:
    _target(pair).run("postgres", 'alter database "b j" with allow_connections false')
    try:
        with pytest.raises(TranshumeError):
            _differing(pair)
    finally:
        _target(pair).run("postgres", 'alter database "b j" with allow_connections true')
