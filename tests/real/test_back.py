"""People work on the new server and then go back to the old one with all of it, and forth again."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lab.compare import Comparison, compare, observe
from lab.scene import Scene
from lab.traffic import downtime
from lab.work import lacks, work
from tests.real.stage import served, sql, turned_away, wait_served

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]


@pytest.mark.campaign
def test_back_with_all_that_was_done_and_forth_again(fresh: Scene) -> None:
    run = fresh
    source, target = run.pair.machines
    run.begin()
    began = int(time.time())
    with run.traffic() as (sent, probed):
        run.transhume("sync")
        _forth(run, sent)
        done = work(target, began)
        assert (len(done.gone), len(done.moved)) == (12, 12)
        assert list(lacks(target, done)) == []
        assert len(list(lacks(source, done))) > 24
        there = observe(target)
        told = run.transhume("rollback").stdout
        wait_served(run.pair.name)
        assert "with all that people did on the target" in told
        _is_whole(compare(there, source, log=sent))
        assert list(lacks(source, done)) == []
        run.transhume("sync")
        _forth(run, sent)
        run.transhume("verify")
        run.transhume("finish")
    _is_whole(compare(source, target, log=sent))
    assert turned_away(sent) == []
    _nothing_left(run)
    for service, outage in downtime(probed).items():
        assert len(outage.intervals) >= 3, service


def _forth(run: Scene, sent: Path) -> None:
    told = run.transhume("cutover", "--yes").stdout
    assert "transhume rollback takes you back with all new mail" in told
    assert served(run.pair.name, "192.0.2.10")
    _is_whole(compare(run.pair.source, run.pair.target, log=sent))


def _is_whole(result: Comparison) -> None:
    assert result.differences == []
    assert result.counts["accepted"] > 0


def _nothing_left(run: Scene) -> None:
    for machine in run.pair.machines:
        assert sql(machine, "bj", "select slot_name from pg_replication_slots") == ""
        for name in ("bj", "bj-data", "keycloak"):
            assert sql(machine, name, "select pubname from pg_publication") == ""
            assert sql(machine, name, "select subname from pg_subscription") == ""
            altered = "select relname from pg_class where relreplident <> 'd' and oid >= 16384"
            assert sql(machine, name, f"{altered} and relkind = 'r'") == ""
        machine.exec(("test", "!", "-e", "/var/lib/transhume-tracker"))
