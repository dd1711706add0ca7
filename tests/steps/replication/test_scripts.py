"""Two real servers: what a pass waits for, typed where the slot is."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.servers import PROGRAM
from tests.steps.replication.subscribed import of, subscribed
from transhume.core.host import Pair
from transhume.steps.replication import scripts

pytestmark = pytest.mark.programs(PROGRAM)

_NAME = "waited"
_LIMIT = 30
_ASLEEP = "select 1 from pg_stat_activity where wait_event = 'PgSleep'"
_ACTIVE = "select active from pg_replication_slots where slot_name = %s"
_NOW = "select pg_current_wal_lsn()::text"


@pytest.fixture
def slot(two_servers: Pair) -> Iterator[str]:
    """Of a subscription that doesn't take anything yet, as after a restart of the way to it."""
    with subscribed(two_servers, _NAME) as slot:
        _switch(two_servers, slot, "disable")
        # What it has told by then isn't what a test waits for.
        while two_servers.source.sql("postgres", _ACTIVE, slot) == [(True,)]:
            pass
        yield slot


def _switch(pair: Pair, slot: str, how: str) -> None:
    of(pair.target).run(_NAME, f"alter subscription {slot} {how}")


def _waiting(pair: Pair, slot: str, position: str, *, strict: bool) -> threading.Thread:
    text = scripts.reached(slot, position, strict=strict, patience=_LIMIT)
    thread = threading.Thread(target=of(pair.source).run, args=("postgres", text))
    thread.start()
    return thread


def test_whoever_has_all_but_takes_nothing_is_waited_for(two_servers: Pair, slot: str) -> None:
    """The next row would be one that the target takes no more, and the copy made anew for it."""
    thread = _waiting(two_servers, slot, "0/0", strict=False)
    while thread.is_alive() and not two_servers.source.sql("postgres", _ASLEEP):
        pass
    _switch(two_servers, slot, "enable")
    thread.join(_LIMIT)
    assert two_servers.source.sql("postgres", _ACTIVE, slot) == [(True,)]


def test_at_the_end_only_what_was_written_counts(two_servers: Pair, slot: str) -> None:
    thread = _waiting(two_servers, slot, "0/0", strict=True)
    thread.join(_LIMIT)
    assert not thread.is_alive()


def test_what_was_written_is_there_when_it_ends(two_servers: Pair, slot: str) -> None:
    source, target = of(two_servers.source), of(two_servers.target)
    source.run(_NAME, "insert into plain select generate_series(1, 1000)")
    thread = _waiting(two_servers, slot, str(source.sql(_NAME, _NOW)[0][0]), strict=True)
    _switch(two_servers, slot, "enable")
    thread.join(_LIMIT)
    assert target.sql(_NAME, "select count(*) from plain") == [(1000,)]
