"""People work on the new server and then go back to the old one with all of it, and forth again."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lab.compare import Comparison, compare, observe
from lab.machine import Machine
from lab.scene import Scene
from lab.traffic import downtime
from tests.real.stage import served, sql, turned_away, wait_served

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]

_LIVE, _ARCHIVE = "/var/spool/cyrus/data/by_hash", "/var/spool/bm-hsm/data/by_hash"
# As the core does it: the rows first, then the body; or the body in the other tier. None that came
# in since $1, seconds since the epoch: those are counted.
_EXPUNGE = f"""
set -e
ask='runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 -d bj-data'
for body in $(find {_LIVE} -name '*.zst' ! -newermt "@$1" | LC_ALL=C sort | head -n 12); do
    name=$(basename "$body" .zst)
    $ask -c "delete from t_mailbox_record where message_body_guid = decode('$name', 'hex');
             delete from t_message_body where guid = decode('$name', 'hex')"
    rm "$body"; echo "$body"
done
"""
_ARCHIVED = f"""
set -e
cd {_LIVE}
for body in $(find . -name '*.zst' ! -newermt "@$1" | LC_ALL=C sort | tail -n 12); do
    mkdir -p "{_ARCHIVE}/$(dirname "$body")"
    mv "$body" "{_ARCHIVE}/$body"; echo "$body"
done
chown -R --reference={_LIVE} {_ARCHIVE}
"""
_SET = """
postconf -e message_size_limit=31457280
echo 'greeting = changed' > /etc/bm/local.changed
mkdir -p /var/spool/bm-docs/new && echo hello > '/var/spool/bm-docs/new/a
b' && rm -rf /var/spool/bm-docs/0
"""


@pytest.mark.campaign
def test_back_with_all_that_was_done_and_forth_again(fresh: Scene) -> None:
    run = fresh
    source, target = run.pair.machines
    run.begin()
    began = str(int(time.time()))
    with run.traffic() as (sent, probed):
        run.transhume("sync")
        _forth(run, sent)
        done = _worked(target, began)
        there = observe(target)
        told = run.transhume("rollback").stdout
        wait_served(run.pair.name)
        assert "with all that people did on the target" in told
        _is_whole(compare(there, source, log=sent))
        _arrived(source, done)
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


def _worked(target: Machine, began: str) -> list[list[str]]:
    """What an hour of people and an admin leaves behind."""
    gone, moved = (
        target.exec(("sh", "-c", script, "work", began)).stdout.split()
        for script in (_EXPUNGE, _ARCHIVED)
    )
    assert (len(gone), len(moved)) == (12, 12)
    target.exec(("sh", "-c", _SET))
    sql(target, "bj", "update t_systemconf set configuration = configuration || 'work=>done'")
    sql(target, "bj-data", "update t_container set name = name || ' (renamed)' where id % 3 = 0")
    sql(target, "bj", "select nextval(seqrelid) from pg_sequence, generate_series(1, 100)")
    return [gone, moved]


def _arrived(source: Machine, done: list[list[str]]) -> None:
    gone, moved = done
    script = f'for f; do test ! -e "$f" || exit 1; done; cd {_LIVE}; cd {_ARCHIVE}'
    source.exec(("sh", "-c", script, "sh", *gone))
    source.exec(("sh", "-c", f'cd {_ARCHIVE}; ls -- "$@"', "sh", *moved))
    source.exec(("sh", "-c", f'cd {_LIVE}; for f; do test ! -e "$f" || exit 1; done', "", *moved))
    assert sql(source, "bj", "select configuration -> 'work' from t_systemconf") == "done"
    assert "(renamed)" in sql(source, "bj-data", "select name from t_container where id % 3 = 0")
    shown = source.exec(("postconf", "-h", "message_size_limit")).stdout
    assert shown == "31457280\n"
    assert "changed" in source.exec(("cat", "/etc/bm/local.changed")).stdout
    assert source.exec(("cat", "/var/spool/bm-docs/new/a\nb")).stdout == "hello\n"


def _nothing_left(run: Scene) -> None:
    for machine in run.pair.machines:
        assert sql(machine, "bj", "select slot_name from pg_replication_slots") == ""
        for name in ("bj", "bj-data", "keycloak"):
            assert sql(machine, name, "select pubname from pg_publication") == ""
            assert sql(machine, name, "select subname from pg_subscription") == ""
            altered = "select relname from pg_class where relreplident <> 'd' and oid >= 16384"
            assert sql(machine, name, f"{altered} and relkind = 'r'") == ""
        machine.exec(("test", "!", "-e", "/var/lib/transhume-tracker"))
