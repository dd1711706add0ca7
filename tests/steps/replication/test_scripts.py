"""Two real servers: what a pass waits for, typed where the slot is."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.servers import PROGRAM, Server
from transhume.core.host import Pair
from transhume.steps.replication import scripts
from transhume.steps.replication.survey import PUBLICATION

pytestmark = pytest.mark.programs(PROGRAM)

_NAME = "waited"
_SLOT = "transhume_1"
_LIMIT = 30
_ASLEEP = "select 1 from pg_stat_activity where wait_event = 'PgSleep'"
_ACTIVE = f"select active from pg_replication_slots where slot_name = '{_SLOT}'"
_NOW = "select pg_current_wal_lsn()::text"


def _of(host: object) -> Server:
    assert isinstance(host, Server)
    return host


@pytest.fixture
def pair(two_servers: Pair) -> Iterator[Pair]:
    """A subscription that doesn't take anything yet, as after a restart of the way to it."""
    source, target = _of(two_servers.source), _of(two_servers.target)
    for host in (source, target):
        host.run("postgres", f"create database {_NAME}")
        host.run(_NAME, "create table plain (id int primary key)")
    source.run(_NAME, f"create publication {PUBLICATION} for table plain")
    source.run(_NAME, f"select pg_create_logical_replication_slot('{_SLOT}', 'pgoutput')")
    where = f"host={source.folder} user=bj dbname={_NAME}"
    target.run(_NAME, scripts.subscribed(_SLOT, where) + f"alter subscription {_SLOT} disable")
    yield two_servers
    target.run(_NAME, f"alter subscription {_SLOT} disable")
    target.run(_NAME, f"alter subscription {_SLOT} set (slot_name = none)")
    target.run(_NAME, f"drop subscription {_SLOT}")
    source.run("postgres", scripts.dropped(_SLOT))
    for host in (source, target):
        host.run("postgres", f"drop database {_NAME} with (force)")


def _waiting(pair: Pair, position: str, *, strict: bool) -> threading.Thread:
    text = scripts.reached(_SLOT, position, strict=strict, patience=_LIMIT)
    thread = threading.Thread(target=_of(pair.source).run, args=("postgres", text))
    thread.start()
    return thread


def test_whoever_has_all_but_takes_nothing_is_waited_for(pair: Pair) -> None:
    """The next row would be one that the target takes no more, and the copy made anew for it."""
    thread = _waiting(pair, "0/0", strict=False)
    while thread.is_alive() and not pair.source.sql("postgres", _ASLEEP):
        pass
    _of(pair.target).run(_NAME, f"alter subscription {_SLOT} enable")
    thread.join(_LIMIT)
    assert pair.source.sql("postgres", _ACTIVE) == [(True,)]


def test_at_the_end_only_what_was_written_counts(pair: Pair) -> None:
    thread = _waiting(pair, "0/0", strict=True)
    thread.join(_LIMIT)
    assert not thread.is_alive()


def test_what_was_written_is_there_when_it_ends(pair: Pair) -> None:
    source, target = _of(pair.source), _of(pair.target)
    source.run(_NAME, "insert into plain select generate_series(1, 1000)")
    thread = _waiting(pair, str(source.sql(_NAME, _NOW)[0][0]), strict=True)
    target.run(_NAME, f"alter subscription {_SLOT} enable")
    thread.join(_LIMIT)
    assert target.sql(_NAME, "select count(*) from plain") == [(1000,)]
