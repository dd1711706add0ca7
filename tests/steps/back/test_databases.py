"""Two real servers: what is written on the target after the switch is on the source at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import PROGRAM, Server
from transhume.core.change import Keep, leaves
from transhume.core.finding import Proof, stopping
from transhume.core.host import Pair
from transhume.errors import NoReturn
from transhume.steps.back.databases import CanReturn, CarryChanges, CarryDatabases, reach
from transhume.steps.back.turn import TurnDatabases
from transhume.steps.back.way import Way, turned
from transhume.steps.copier import Copier
from transhume.steps.replication import scripts
from transhume.steps.replication.finish import sequences
from transhume.steps.replication.following import Following
from transhume.steps.replication.record import Record, Shelf
from transhume.steps.replication.standing import standing

pytestmark = pytest.mark.programs(PROGRAM)

_NAME = "returned"
_FOLDER = "/var/lib/transhume/following"
_FOLLOWING = Following(Copier((_NAME,), (), "/x", 1), "auto", "now", "/x.ini", Shelf(_FOLDER))
WAY = Way(_FOLLOWING, (), "")
_MADE = """
create table plain (id bigserial primary key, said text);
insert into plain (said) select 'said ' || i from generate_series(1, 100) i;
create table parted (id int, said text, primary key (id)) partition by hash (id);
create table parted_0 partition of parted for values with (modulus 2, remainder 0);
create table parted_1 partition of parted for values with (modulus 2, remainder 1);
insert into parted select i, 'x' from generate_series(1, 20) i;
create table keyless (item int, said text);
alter table keyless replica identity full;
insert into keyless select i % 10, 'said ' || i from generate_series(1, 20) i;
"""
_WORK = """
insert into plain (said) select 'later ' || i from generate_series(1, 50) i;
delete from plain where id <= 10;
update parted set said = 'changed' where id % 3 = 0;
update keyless set said = 'changed' where item = 3;
delete from keyless where item = 5;
"""


def _of(host: object) -> Server:
    assert isinstance(host, Server)
    return host


@pytest.fixture
def pair(two_servers: Pair) -> Iterator[Pair]:
    source, target = _of(two_servers.source), _of(two_servers.target)
    for host in (source, target):
        host.run("postgres", f"drop database if exists {_NAME} with (force)")
        host.run("postgres", f"create database {_NAME}")
        host.run(_NAME, _MADE)
    record = {"how": "follow", "position": "0/1", "identities": []}
    target.files[f"{_FOLDER}/{_NAME}.json"] = json.dumps(record).encode()
    _turn(two_servers)
    yield two_servers
    _drop(two_servers)


def _turn(pair: Pair) -> None:
    """As the steps do it before the target's services start."""
    target, slot = _of(pair.target), WAY.slot(pair, _NAME)
    target.run(_NAME, scripts.published(target, _NAME))
    for name in (slot.copy, slot.name):
        target.run(_NAME, f"select pg_create_logical_replication_slot('{name}', 'pgoutput')")


def _drop(pair: Pair) -> None:
    source, slot = _of(pair.source), WAY.slot(pair, _NAME)
    for (name,) in source.sql("postgres", "select subname from pg_subscription"):
        source.run(_NAME, f"alter subscription {name} disable")
        source.run(_NAME, f"alter subscription {name} set (slot_name = none)")
        source.run(_NAME, f"drop subscription {name}")
    for each in (slot.copy, slot.name):
        _of(pair.target).run("postgres", scripts.dropped(each))


def _carry(pair: Pair) -> None:
    """What CarryDatabases and CarryChanges type, past the tunnel."""
    source, target = _of(pair.source), _of(pair.target)
    slot = WAY.slot(pair, _NAME).copy
    where = f"host={target.folder} user=bj dbname={_NAME}"
    source.run(_NAME, scripts.subscribed(slot, where))
    position = standing(turned(pair), _NAME).position
    target.run("postgres", scripts.reached(slot, position, strict=True, patience=20))
    source.run(_NAME, sequences(target, _NAME).replace("\\g /dev/null", ";"))


def _proofs(pair: Pair) -> list[Proof]:
    return list(CarryChanges(WAY).verify(pair))


def test_what_was_written_since_is_on_the_source(pair: Pair) -> None:
    _of(pair.target).run(_NAME, _WORK)
    assert stopping(_proofs(pair))
    _carry(pair)
    proofs = _proofs(pair)
    assert stopping(proofs) == []
    assert proofs[0].compared > 60
    following = "select nextval('plain_id_seq')"
    assert [host.sql(_NAME, following) for host in (pair.source, pair.target)] == [[(151,)]] * 2


def test_a_row_that_didnt_arrive_is_seen(pair: Pair) -> None:
    _of(pair.target).run(_NAME, _WORK)
    _carry(pair)
    _of(pair.source).run(_NAME, "update plain set said = 'other' where id = 120")
    (told,) = [proof for proof in _proofs(pair) if not proof.whole]
    assert "id=120" in told.differing[0]


def test_it_can_be_carried_while_all_of_the_log_is_there(pair: Pair) -> None:
    assert WAY.lost(pair) == ""
    before = WAY.cost(pair)
    _of(pair.target).run(_NAME, _WORK)
    assert WAY.cost(pair) > before
    assert list(TurnDatabases(WAY).verify(pair)) == []
    _of(pair.target).run("postgres", scripts.dropped(WAY.slot(pair, _NAME).copy))
    assert "doesn't have all of the log" in WAY.lost(pair)
    assert [each.key for each in TurnDatabases(WAY).verify(pair)] == ["target-not-kept"]


def test_a_definition_that_was_altered_on_the_target_is_named(pair: Pair) -> None:
    _of(pair.target).run(_NAME, "alter table plain add column more int")
    with pytest.raises(NoReturn, match="plain") as refused:
        list(CanReturn(WAY).run(pair))
    assert "--lose-new-mail" in refused.value.remedy


def test_it_is_followed_once_and_proved_as_far_as_it_has_come(pair: Pair) -> None:
    target = _of(pair.target)
    target.said["df"] = "Avail\n1000000000\n"
    target.units["transhume-return.service"] = ("active", "")
    _of(pair.source).files["/run/transhume-return/passfile"] = b"x"
    titles = [change.title for change in CarryDatabases(WAY).run(pair)]
    assert titles == [f"let the source's {_NAME} follow", "catch up with the databases"]
    target.run(_NAME, _WORK)
    _carry(pair)
    titles = [change.title for change in CarryDatabases(WAY).run(pair)]
    assert titles[0] == "catch up with the databases"
    assert "proved changes" in titles[1]
    assert list(CarryDatabases(WAY).verify(pair)) == []


def test_the_source_waits_for_what_the_log_has_now(pair: Pair) -> None:
    position = standing(turned(pair), _NAME).position
    assert position in reach(pair, _NAME).input.decode()


def test_the_places_in_the_log_are_made_anew_and_have_a_way_back(pair: Pair) -> None:
    (change,) = TurnDatabases(WAY).run(pair)
    assert not isinstance(change.back, Keep)
    for text in (next(iter(act.commands())).input for act in leaves(change.act)):
        assert text.count(b"pg_drop_replication_slot") == 2
        assert text.count(b"pg_create_logical_replication_slot") == 2


def test_a_database_that_is_dumped_hinders_it(pair: Pair, tmp_path: Path) -> None:
    note = Shelf(_FOLDER).put(_NAME, Record("dump"))
    _of(pair.target).files[f"{_FOLDER}/{_NAME}.json"] = next(iter(note.commands())).input
    assert _NAME in WAY.hindrance(pair)
    assert list(TurnDatabases(WAY).run(pair)) == []
