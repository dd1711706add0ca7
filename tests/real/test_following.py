"""Databases follow through everything that happens to them, and nothing of it stays behind."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.compare import compare
from lab.machine import Machine
from lab.scene import Scene
from lab.shell import wait_until
from tests.real import trackers
from tests.real.stage import Started, sql, typed

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]

NAMES = ("bj", "bj-data", "keycloak")
_CONF = "/var/lib/postgresql/13/main/postgresql.auto.conf"


def following(run: Scene) -> set[str]:
    """The databases whose slot on the source somebody reads."""
    return set(
        sql(run.pair.source, "bj", "select database from pg_replication_slots where active").split()
    )


def _copied(run: Scene) -> str:
    """Why databases were copied, the last time."""
    return [title for title in trackers.every(run) if title.startswith("copy bj")][-1]


@pytest.mark.campaign
def test_through_all_that_happens_while_they_follow(fresh: Scene) -> None:
    run, source = fresh, fresh.pair.source
    run.begin()
    with run.traffic(rate=2.0) as (sent, _):
        run.transhume("sync")
        assert following(run) == set(NAMES)
        _altered_refused_and_lost(run)
        _restarted_and_log_removed(run)
        _killed_while_copying(run)
        _full(run)
        sql(source, "bj", "create table t_late (a int); insert into t_late values (7)")
        run.transhume("cutover", "--yes")
        run.transhume("verify")
    # Until then the source's tables keep what tells their rows apart, for the way back.
    run.transhume("finish")
    _nothing_left(run)
    result = compare(source, run.pair.target, log=sent, probe_to=run.filled["addresses"][0])
    assert result.differences == []
    assert sql(run.pair.target, "bj", "select a from t_late") == "7"


def _altered_refused_and_lost(run: Scene) -> None:
    """A table made, altered and dropped; a row that the target refuses; a slot that is gone."""
    source, target = run.pair.machines
    sql(target, "keycloak", "insert into realm values ('here', 'clash', true)")
    sql(source, "keycloak", "insert into realm values ('there', 'clash', true)")
    sql(source, "bj", "create table t_made (a int); alter table t_server add column made int")
    sql(source, "bj", "drop table t_made")
    target.exec(("systemctl", "stop", "transhume-follow.service"))
    sql(
        source,
        "bj",
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots "
        "where database = 'bj-data'",
    )
    run.transhume("sync")
    told = _copied(run)
    assert told.startswith("copy bj, bj-data, keycloak and follow")
    for reason in (
        "public.t_server.made was altered on the source",
        "its slot on the source is gone",
        "a row of public.realm can't be applied",
    ):
        assert reason in told
    assert following(run) == set(NAMES)


def _restarted_and_log_removed(run: Scene) -> None:
    """A restart costs nothing; a log that the source had to remove costs a copy."""
    source, target = run.pair.machines
    before = trackers.every(run)
    for machine in (source, target):
        machine.exec(("sh", "-c", "systemctl restart 'postgresql@*.service'"))
    run.transhume("sync")
    assert not any(title.startswith("copy bj") for title in trackers.every(run)[len(before) :])
    target.exec(("systemctl", "stop", "transhume-follow.service"))
    with _bound(source, "1MB"):
        message = "select pg_logical_emit_message(true, 'x', repeat('y', 9000000))"
        for text in (message, "select pg_switch_wal()", message, "checkpoint"):
            sql(source, "bj", text)
        run.transhume("sync")
    assert "the source removed the log that it needed" in _copied(run)
    assert following(run) == set(NAMES)


@contextmanager
def _bound(source: Machine, size: str) -> Iterator[None]:
    """Let the source keep no more than this for a slot."""
    former = source.exec(("cat", _CONF)).stdout
    script = f"s/^max_slot_wal_keep_size = .*/max_slot_wal_keep_size = '{size}'/"
    source.exec(("sed", "-i", script, _CONF))
    sql(source, "bj", "select pg_reload_conf()")
    try:
        yield
    finally:
        source.exec(("sh", "-c", f"cat > {_CONF}"), former)
        sql(source, "bj", "select pg_reload_conf()")


def _killed_while_copying(run: Scene) -> None:
    """A copy that is cut off keeps no slot, and the next run makes it whole."""
    source, target = run.pair.machines
    sql(source, "bj-data", "create table t_killed (a int)")
    with Started(run, "sync") as tool:
        wait_until(lambda: _restoring(target) or not tool.running(), "the restore", 120)
        assert tool.running(), tool.ended()
        tool.signal("KILL")
        tool.ended()
    wait_until(lambda: not _restoring(target), "its programs to end", 30)
    assert "bj-data" not in following(run)
    run.transhume("sync")
    assert following(run) == set(NAMES)


def _restoring(target: Machine) -> bool:
    return not target.exec(("pgrep", "-x", "pg_restore"), check=False).returncode


def _full(run: Scene) -> None:
    """Nothing is kept for a follower on a disk that fills; what then lacks room is dumped."""
    source = run.pair.source
    free = source.exec(("df", "--block-size=1", "--output=avail", "/")).stdout.split()[-1]
    source.exec(("fallocate", "-l", str(int(free) - 200 * 1024 * 1024), "/root/filling"))
    try:
        run.transhume("sync")
        assert sql(source, "bj", "select count(*) from pg_replication_slots") == "0"
        found = json.loads(typed(run, "check", "--json").stdout)["findings"]
        dumped = [item["seen"] for item in found if item["key"] == "database-dumped"]
        assert len(dumped) == len(NAMES)
        assert all("MiB free" in seen for seen in dumped)
    finally:
        source.exec(("rm", "/root/filling"))
    run.transhume("sync")
    assert following(run) == set(NAMES)


def _nothing_left(run: Scene) -> None:
    """Neither on the source, which stays as it is, nor on the target, which serves."""
    source, target = run.pair.machines
    assert "transhume" not in source.exec(("cat", _CONF)).stdout
    assert sql(source, "bj", "select count(*) from pg_replication_slots") == "0"
    assert sql(target, "bj", "select count(*) from pg_subscription") == "0"
    assert target.exec(("test", "-e", "/run/transhume-follow"), check=False).returncode
    full = "select count(*) from pg_class where relreplident = 'f'"
    for name in NAMES:
        for machine in run.pair.machines:
            assert sql(machine, name, "select count(*) from pg_publication") == "0"
            assert sql(machine, name, full) == "0"
