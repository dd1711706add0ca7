"""Two real servers: a follower that is held up is never taken for caught up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import PROGRAM, Server
from transhume.core.host import Pair
from transhume.core.lag import Lag
from transhume.steps.replication import behind, scripts
from transhume.steps.replication.standing import slot_name
from transhume.steps.replication.survey import PUBLICATION

pytestmark = pytest.mark.programs(PROGRAM)
_NAME = "behind"


def _of(host: object) -> Server:
    assert isinstance(host, Server)
    return host


@pytest.fixture
def pair(two_servers: Pair) -> Iterator[Pair]:
    """A database that follows."""
    source, target = _of(two_servers.source), _of(two_servers.target)
    for host in (source, target):
        host.run("postgres", f"create database {_NAME}")
        host.run(_NAME, "create table plain (id int primary key)")
    slot = slot_name(source, _NAME)
    source.run(_NAME, f"create publication {PUBLICATION} for table plain")
    source.run(_NAME, f"select pg_create_logical_replication_slot('{slot}', 'pgoutput')")
    where = f"host={source.folder} user=bj dbname={_NAME}"
    target.run(_NAME, scripts.subscribed(slot, where))
    yield two_servers
    for words in ("disable", "set (slot_name = none)"):
        target.run(_NAME, f"alter subscription {slot} {words}")
    target.run(_NAME, f"drop subscription {slot}")
    source.run("postgres", scripts.dropped(slot))
    for host in (source, target):
        host.run("postgres", f"drop database {_NAME} with (force)")


def _lag(pair: Pair) -> Lag:
    (lag,) = behind.lags(pair, (_NAME,))
    return lag


def test_what_follows_is_reached(pair: Pair) -> None:
    _of(pair.source).run(_NAME, "insert into plain select generate_series(1, 1000)")
    assert _lag(pair).seconds is not None
    assert _of(pair.target).sql(_NAME, "select count(*) from plain") == [(1000,)]


def test_what_is_held_up_is_not(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _lag(pair).seconds is not None
    with _of(pair.target).connect(_NAME) as holding, holding.transaction():
        holding.execute("lock table plain")
        _of(pair.source).run(_NAME, "insert into plain values (1)")
        monkeypatch.setattr(behind, "_TRYING_SECONDS", 0.3)
        seconds = _lag(pair).seconds
        assert seconds is None or seconds > 0.3
    monkeypatch.undo()
    assert _lag(pair).seconds is not None


def test_what_was_switched_off_is_unknown(pair: Pair) -> None:
    slot = slot_name(pair.source, _NAME)
    _of(pair.target).run(_NAME, f"alter subscription {slot} disable")
    assert (_lag(pair).seconds, _lag(pair).following) == (None, False)
