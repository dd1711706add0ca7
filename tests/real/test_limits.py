"""Limits for the source's sake reach what already runs, and no connection is cut meanwhile."""

from __future__ import annotations

import os
import time

import pytest

from lab.compare import compare
from lab.machine import Machine
from lab.scene import Scene
from lab.shell import wait_until
from tests.real.stage import SETTINGS, Started, sql

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]

# Less than what goes over several connections, and more than a limit lets through at once.
_FILE = "/var/spool/bm-docs/large"
_TABLE = (
    "create table t_large as select number, repeat(md5(number::text), 40) as text "
    "from generate_series(1, 60000) as number"
)
# The source ends a connection that doesn't answer for two seconds.
_IMPATIENT = "printf 'ClientAliveInterval 1\\nClientAliveCountMax 1\\n'"
_BEARS_SECONDS = 2


def _limit(target: Machine, line: str) -> None:
    """As an admin would, while it runs."""
    script = f"sed -i '/^\\[copy\\]/,$d' {SETTINGS}; printf '[copy]\\n{line}\\n' >> {SETTINGS}"
    target.exec(("sh", "-c", script))


def _states(target: Machine, program: str) -> set[str]:
    """What each process of that name does, as the kernel tells it; T is one that stands still."""
    said = target.exec(("ps", "-o", "state=", "-C", program), check=False).stdout
    return set(said.split())


def _held(tool: Started, target: Machine, program: str) -> None:
    """Wait until it stands still, then have it do so for longer than the source bears silence."""

    def stands() -> bool:
        assert tool.running(), tool.ended()
        return _states(target, program) == {"T"}

    wait_until(stands, f"{program} to be held back", 120)
    _limit(target, "max_load = 0.0001")
    until = time.monotonic() + 4 * _BEARS_SECONDS
    wait_until(lambda: time.monotonic() > until, "the source to lose its patience", 60)
    wait_until(stands, f"{program} to be held back still", 10)


def test_they_hold_back_what_runs_and_let_it_go_again(fresh: Scene) -> None:
    source, target = fresh.pair.source, fresh.pair.target
    source.exec(("sh", "-c", f"{_IMPATIENT} >> /etc/ssh/sshd_config; systemctl restart ssh"))
    source.exec(("sh", "-c", f"head -c 24M /dev/urandom > {_FILE}"))
    sql(source, "bj-data", _TABLE)
    fresh.begin()
    _limit(target, 'bandwidth = "1M"')
    with Started(fresh, "sync") as tool:
        _held(tool, target, "rsync")
        assert target.exec(("test", "-e", _FILE), check=False).returncode
        _limit(target, 'bandwidth = "2M"')
        _held(tool, target, "pg_dump")
        assert sql(source, "bj", "select count(*) from pg_replication_slots") != "0"
        _limit(target, "")
        done = tool.ended()
    assert done.returncode == 0, done.stderr
    fresh.transhume("cutover", "--yes")
    assert compare(source, target).differences == []
    large = "select count(*), sum(length(text)) from t_large"
    assert sql(target, "bj-data", large) == sql(source, "bj-data", large)
