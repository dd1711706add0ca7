"""Whatever becomes of the tracker on the source, the copy is right, and what was missed is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.compare import compare
from lab.machine import Machine
from lab.scene import Scene
from lab.standing import standing
from tests.real import trackers
from tests.real.trackers import ANEW, DOCS, UNIT

pytestmark = [
    pytest.mark.real,
    pytest.mark.campaign,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]

_MOUNTED = f"{DOCS}/mounted"
_MOVED = "its mounts or its folder were changed"
_REFUSED = "[Service]\nSystemCallFilter=~fanotify_init\nSystemCallErrorNumber=ENOSYS\n"
_WAYS = (
    "import glob, sqlite3, sys; (path,) = glob.glob('/var/lib/transhume-tracker/list-*.db'); "
    "print(*{row[0] for row in sqlite3.connect(path).execute('select way from tree')})"
)


def test_a_tracker_that_is_halted_and_mounted_over_and_a_source_that_reboots(fresh: Scene) -> None:
    run, source = fresh, fresh.pair.source
    run.begin()
    with run.traffic() as (sent, _):
        run.transhume("sync")
        assert trackers.scanned(run) == []
        _odd_work(source)
        run.transhume("sync")
        assert trackers.scanned(run) == []
        _halted(run)
        _mounted(run)
        source.reboot()
        standing(source)
        run.transhume("cutover", "--yes")
        assert set(trackers.scanned(run)) == {ANEW}
    _compared(run, sent)


def test_a_kernel_without_fanotify(fresh: Scene) -> None:
    """From the start: the source alone is scanned, and what is hard to follow arrives as well."""
    run, source = fresh, fresh.pair.source
    run.begin()
    _refused(source)
    with run.traffic() as (sent, _):
        run.transhume("sync")
        assert "scan" in source.exec(("python3", "-c", _WAYS)).stdout.split()
        _odd_work(source)
        run.transhume("sync")
        assert trackers.scanned(run) == []
        run.transhume("cutover", "--yes")
    _compared(run, sent)


def _compared(run: Scene, sent: Path) -> None:
    recipient = run.filled["addresses"][0]
    result = compare(run.pair.source, run.pair.target, log=sent, probe_to=recipient)
    assert result.differences == []
    assert result.counts["accepted"] > 0
    assert "transhume-tracker" not in run.pair.source.exec(("ls", "/var/lib")).stdout


def _odd_work(source: Machine) -> None:
    """What is hard to follow: names, links, folders that move, a body that goes to the archive."""
    script = f"""
cd {DOCS} || exit; mkdir odd; printf 1 > 'odd/-new
line'; printf 2 > "odd/#note"; ln odd/#note odd/linked; mv odd moved; mkdir odd
ln moved/linked odd/again; printf 3 > odd/former; printf 4 > odd/later
touch -d '1901-12-14 00:00:00.5' odd/former; touch -d '2399-01-01 00:00:00.5' odd/later
body=$(find /var/spool/cyrus -name '*.zst' | head -n 1)
cp -p "$body" /var/spool/bm-hsm/ && rm /var/spool/bm-hsm/"$(basename "$body")"
"""
    source.exec(("sh", "-c", script))


def _halted(run: Scene) -> None:
    """One that doesn't answer is started anew."""
    trackers.signal(run.pair.source, "STOP")
    run.pair.source.exec(("sh", "-c", f"for n in 1 2 3; do echo $n > {DOCS}/halted$n; done"))
    run.transhume("sync")
    assert set(trackers.scanned(run)) == {ANEW}


def _mounted(run: Scene) -> None:
    """What is mounted in a tree is part of it; the tree is scanned when it comes or goes."""
    source = run.pair.source
    source.exec(("mkdir", _MOUNTED))
    source.exec(("mount", "-t", "tmpfs", "tmpfs", _MOUNTED))
    run.transhume("sync")
    assert trackers.scanned(run) == [_MOVED]
    source.exec(("sh", "-c", f"echo inside > {_MOUNTED}/inside"))
    run.transhume("sync")
    assert trackers.scanned(run) == []
    assert run.pair.target.exec(("cat", f"{_MOUNTED}/inside")).stdout == "inside\n"
    source.exec(("umount", _MOUNTED))
    run.transhume("sync")
    # A mark is gone: whose it was, nobody says.
    assert set(trackers.scanned(run)) == {_MOVED}


def _refused(source: Machine) -> None:
    """From its next start on the kernel refuses it fanotify, as an older one does."""
    folder = f"/etc/systemd/system/{UNIT}.d"
    source.exec(("mkdir", "-p", folder))
    source.exec(("sh", "-c", f"cat > {folder}/refused.conf"), stdin=_REFUSED)
    source.exec(("systemctl", "daemon-reload"))
