"""What was touched since a moment is found in the log and compared; what people do is theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict

import pytest

from tests.servers import PROGRAM, Server
from tests.steps.replication.servers import following
from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.steps.changed import Changed, compared
from transhume.steps.copier import Copier
from transhume.steps.database_proof import opened, prove
from transhume.steps.mark import Mark, MarkDatabases, marks
from transhume.steps.replication.hot_proof import Base, Ledger, prove_end
from transhume.steps.replication.proof_slot import Slot
from transhume.steps.replication.survey import PUBLICATION

pytestmark = pytest.mark.programs(PROGRAM)

_NAME = "moved"
# A key that a cast writes otherwise than the log does, one of two columns, and none at all.
_MADE = """
create table plain (id bigint primary key, said text);
insert into plain select i, 'said ' || i from generate_series(1, 3000) i;
create table flagged (yes boolean, number numeric(9, 2), said text, primary key (yes, number));
insert into flagged values (true, 1.50, 'x'), (false, -1, 'y');
create table keyless (item int, said text);
insert into keyless select i % 10, 'said ' || i from generate_series(1, 100) i;
alter table keyless replica identity full;
create sequence counted;
"""


def _both(pair: Pair, script: str) -> None:
    _source(pair).run(_NAME, script)
    _target(pair).run(_NAME, script)


def _source(pair: Pair) -> Server:
    assert isinstance(pair.source, Server)
    return pair.source


def _target(pair: Pair) -> Server:
    assert isinstance(pair.target, Server)
    return pair.target


@pytest.fixture
def pair(two_servers: Pair) -> Pair:
    for host in (_source(two_servers), _target(two_servers)):
        host.run("postgres", f"drop database if exists {_NAME} with (force)")
        host.run("postgres", f"create database {_NAME}")
    _both(two_servers, _MADE)
    return two_servers


@pytest.fixture
def slot(pair: Pair) -> Slot:
    source = _source(pair)
    source.run(_NAME, "create publication everything for all tables")
    source.run(_NAME, "select pg_create_logical_replication_slot('proof', 'pgoutput')")
    return Slot(source, _NAME, "proof", "proof", "everything")


@pytest.fixture(autouse=True)
def _no_slot(two_servers: Pair) -> object:
    yield None
    _source(two_servers).run(
        "postgres", "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
    )


def _changed(pair: Pair, slot: Slot) -> Changed:
    with ExitStack() as stack:
        both = opened(stack, pair, _NAME)
        return compared(both.sides, slot.touched(both.there, None))


_WORK = """
insert into plain values (0, 'new');
update plain set said = 'else' where id in (1, 2);
update plain set id = -3 where id = 3;
delete from plain where id = 4;
update flagged set said = 'z' where yes;
insert into keyless values (1, E'two\\nlines');
"""


def test_what_was_touched_on_both_alike_is_equal(pair: Pair, slot: Slot) -> None:
    _both(pair, _WORK)
    assert _changed(pair, slot) == Changed(rows=7, tables=1, differing=())


@pytest.mark.parametrize(
    ("missed", "named"),
    [
        ("delete from plain where id = 0", (("public", "plain"), ("id",), ("0",))),
        ("update plain set said = 'said 1' where id = 1", (("public", "plain"), ("id",), ("1",))),
        ("insert into plain values (3, 'said 3')", (("public", "plain"), ("id",), ("3",))),
        ("insert into plain values (4, 'said 4')", (("public", "plain"), ("id",), ("4",))),
        (
            "update flagged set said = 'x' where yes",
            (("public", "flagged"), ("yes", "number"), ("t", "1.50")),
        ),
        ("delete from keyless where said like 'two%'", (("public", "keyless"), (), ())),
    ],
)
def test_a_change_that_the_target_missed_is_named(
    pair: Pair, slot: Slot, missed: str, named: object
) -> None:
    _both(pair, _WORK)
    _target(pair).run(_NAME, missed)
    assert _changed(pair, slot).differing == (named,)


def test_a_dropped_or_emptied_table_is_no_equal_one(pair: Pair, slot: Slot) -> None:
    _source(pair).run(_NAME, "truncate plain; insert into flagged values (true, 2, 'x')")
    _target(pair).run(_NAME, "drop table flagged")
    assert _changed(pair, slot).differing == (
        (("public", "flagged"), (), ()),
        (("public", "plain"), (), ()),
    )


def test_only_what_came_after_a_position_explains_a_difference(pair: Pair, slot: Slot) -> None:
    _source(pair).run(_NAME, "update plain set said = 'else' where id = 1")
    with pair.source.snapshot(_NAME, 1) as there:
        until = slot.touched(there, None).until
        assert slot.later(there, 0).may_have(("public", "plain"), ("id",), ("1",))
        assert not slot.later(there, until).may_have(("public", "plain"), ("id",), ("1",))
    _source(pair).run(_NAME, "update plain set said = 'third' where id = 1")
    with pair.source.snapshot(_NAME, 1) as there:
        assert slot.later(there, until).may_have(("public", "plain"), ("id",), ("1",))


def _mark(pair: Pair) -> Mark:
    step = MarkDatabases(Copier((_NAME,), (), "/d", 1), "/mark")
    (change,) = step.run(pair)
    _target(pair).files["/mark"] = change.act.content  # type: ignore[union-attr]
    assert list(step.verify(pair)) == []
    return marks(pair.target, "/mark")[_NAME]


def _rows(pair: Pair, mark: Mark) -> Proof:
    return next(proof for proof in prove(pair, _NAME, mark=mark) if proof.part == _NAME)


def test_what_people_do_on_the_target_is_theirs(pair: Pair) -> None:
    mark = _mark(pair)
    _target(pair).run(_NAME, f"{_WORK} select nextval('counted')")
    proof = _rows(pair, mark)
    assert (proof.whole, proof.differing) == (True, ())
    assert proof.since == 8


_AGED = """
create extension pg_surgery;
{damage}
select heap_force_freeze('{table}'::regclass, array(select ctid from {table} where {which}));
drop extension pg_surgery;
"""


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (
            _AGED.format(
                damage="update plain set said = 'lost' where id = 9;", table="plain", which="id = 9"
            ),
            "public.plain, row id=9: other said",
        ),
        (
            _AGED.format(
                damage="insert into plain values (-9, 'x');", table="plain", which="id = -9"
            ),
            "public.plain, row id=-9: not on the source",
        ),
    ],
)
def test_what_is_older_than_the_mark_and_differs_is_damage(
    pair: Pair, damage: str, named: str
) -> None:
    mark = _mark(pair)
    _target(pair).run(_NAME, _WORK)
    for statement in damage.strip().splitlines():
        _target(pair).run(_NAME, statement)
    assert _rows(pair, mark).differing == (named,)


def _uncounted(mark: Mark) -> Mark:
    return Mark(mark.transaction, {table: gone + 100 for table, gone in mark.gone.items()})


@pytest.mark.parametrize(("count", "whole"), [(lambda mark: mark, True), (_uncounted, False)])
def test_rows_that_nobody_is_known_to_have_deleted_are_lost(
    pair: Pair, count: Callable[[Mark], Mark], whole: bool
) -> None:
    mark = count(_mark(pair))
    _target(pair).run(_NAME, "delete from plain where id = 5")
    proof = _rows(pair, mark)
    assert proof.whole is whole
    assert ("public.plain, row id=5: missing on the target" in proof.differing) is not whole


def test_a_sequence_may_be_ahead_where_people_work_and_never_behind(pair: Pair) -> None:
    mark = _mark(pair)
    _target(pair).run(_NAME, "select setval('counted', 5)")
    *_, ahead = prove(pair, _NAME, mark=mark)
    assert (ahead.whole, ahead.since) == (True, 1)
    _source(pair).run(_NAME, "select setval('counted', 9)")
    *_, behind = prove(pair, _NAME, mark=mark)
    assert behind.differing == ("sequence public.counted: 9 on the source, 5 on the target",)


@pytest.fixture
def ledger(pair: Pair) -> Ledger:
    """As it is noted once all was proved while people work."""
    known = Ledger(following(), "/var/lib/transhume/proved")
    source, target = _source(pair), _target(pair)
    source.run(_NAME, f"create publication {PUBLICATION} for all tables")
    name = known.slot(pair, _NAME).name
    source.run(_NAME, f"select pg_create_logical_replication_slot('{name}', 'pgoutput')")
    ((number,),) = target.sql(
        "postgres", "select oid::int from pg_database where datname = %s", _NAME
    )
    target.files[known.path(_NAME)] = json.dumps(asdict(Base(number, 3, 3102))).encode()
    return known


def _ends(pair: Pair, ledger: Ledger) -> tuple[int, list[str]]:
    """How much was compared of what changed, and what isn't equal."""
    proofs = list(prove_end(pair, _NAME, ledger))
    (changes,) = [each for each in proofs if each.part == f"{_NAME}: changes"]
    return changes.compared, [line for proof in proofs for line in proof.differing]


@pytest.mark.parametrize("keyless", ["", "insert into keyless values (7, 'new');"])
def test_the_end_is_proved_by_what_changed_alone(pair: Pair, ledger: Ledger, keyless: str) -> None:
    _both(pair, f"update plain set said = 'new' where id < 4; {keyless}")
    # Of a table without a key all is read.
    assert _ends(pair, ledger) == (4 + bool(keyless), [])
    # What nothing has touched since was proved before.
    _target(pair).run(_NAME, "update plain set said = 'damaged' where id = 9")
    assert _ends(pair, ledger) == (4 + bool(keyless), [])


@pytest.mark.parametrize("keyless", ["", "insert into keyless values (7, 'new');"])
def test_the_end_names_what_isnt_the_sources(pair: Pair, ledger: Ledger, keyless: str) -> None:
    _both(pair, f"update plain set said = 'new' where id < 4; {keyless}")
    _target(pair).run(_NAME, "update plain set said = 'damaged' where id = 3")
    _target(pair).run(_NAME, "update keyless set said = 'damaged' where item = 7")
    compared, differing = _ends(pair, ledger)
    assert compared == 4 + bool(keyless)
    assert len(differing) == 1 + bool(keyless)
