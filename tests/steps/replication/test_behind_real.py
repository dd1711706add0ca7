"""Two real servers: a follower that is held up is never taken for caught up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import PROGRAM
from tests.steps.replication.subscribed import of, subscribed
from transhume.core.host import Pair
from transhume.core.lag import Lag
from transhume.steps.replication import behind
from transhume.steps.replication.standing import slot_name

pytestmark = pytest.mark.programs(PROGRAM)
_NAME = "behind"


@pytest.fixture
def pair(two_servers: Pair) -> Iterator[Pair]:
    """A database that follows."""
    with subscribed(two_servers, _NAME):
        yield two_servers


def _lag(pair: Pair) -> Lag:
    (lag,) = behind.lags(pair, (_NAME,))
    return lag


def test_what_follows_is_reached(pair: Pair) -> None:
    of(pair.source).run(_NAME, "insert into plain select generate_series(1, 1000)")
    assert _lag(pair).seconds is not None
    assert of(pair.target).sql(_NAME, "select count(*) from plain") == [(1000,)]


def test_what_is_held_up_is_not(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _lag(pair).seconds is not None
    with of(pair.target).connect(_NAME) as holding, holding.transaction():
        holding.execute("lock table plain")
        of(pair.source).run(_NAME, "insert into plain values (1)")
        monkeypatch.setattr(behind, "_TRYING_SECONDS", 0.3)
        seconds = _lag(pair).seconds
        assert seconds is None or seconds > 0.3
    monkeypatch.undo()
    assert _lag(pair).seconds is not None


def test_what_was_switched_off_is_unknown(pair: Pair) -> None:
    slot = slot_name(pair.source, _NAME)
    of(pair.target).run(_NAME, f"alter subscription {slot} disable")
    assert (_lag(pair).seconds, _lag(pair).following) == (None, False)
