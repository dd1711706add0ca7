"""What follows the source loses track of it, mail flowing: all is said, and the copy is right."""

from __future__ import annotations

import os

import pytest

from lab.compare import compare
from lab.scene import Scene
from tests.real import trackers
from tests.real.stage import sql

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]

_REASONS = (
    "its slot on the source is gone",
    "a row of public.realm can't be applied",
)


def test_a_tracker_killed_and_overrun_a_slot_lost_and_a_row_refused(fresh: Scene) -> None:
    run, source = fresh, fresh.pair.source
    run.begin()
    with run.traffic() as (sent, _):
        run.transhume("sync")
        assert trackers.scanned(run) == []
        trackers.kill(source)
        run.transhume("sync")
        assert set(trackers.scanned(run)) == {trackers.ANEW}
        trackers.overrun(source)
        _a_row_refused(run)
        _a_slot_lost(run)
        run.transhume("cutover", "--yes")
    assert set(trackers.scanned(run)) == {trackers.OVERRUN}
    # A follower that begins again and again may seem to follow for another pass.
    told = [title for title in trackers.last(run) if " and follow (" in title]
    assert all(any(reason in title for title in told) for reason in _REASONS), told
    recipient = run.filled["addresses"][0]
    result = compare(source, run.pair.target, log=sent, probe_to=recipient)
    assert result.differences == []
    assert result.counts["accepted"] > 0


def _a_row_refused(run: Scene) -> None:
    """Somebody wrote on the target what the source writes later."""
    sql(run.pair.target, "keycloak", "insert into realm values ('here', 'clash', true)")
    sql(run.pair.source, "keycloak", "insert into realm values ('there', 'clash', true)")


def _a_slot_lost(run: Scene) -> None:
    run.pair.target.exec(("systemctl", "stop", "transhume-follow.service"))
    sql(
        run.pair.source,
        "bj",
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots "
        "where database = 'bj-data' and slot_name not like '%proof'",
    )
