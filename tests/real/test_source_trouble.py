"""The source's line thins or its disk fills: nobody waits for it, and the move goes on later."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import network
from lab.compare import compare
from lab.machine import Machine
from lab.scene import Scene
from lab.standing import standing
from tests.real import trackers
from tests.real.stage import refusal, typed
from tests.real.trackers import DOCS

pytestmark = [
    pytest.mark.real,
    pytest.mark.campaign,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]

# Never cut short: it would be next to nothing to copy at that moment.
_RESTLESS = (
    f"while dd if=/dev/urandom of={DOCS}/restless bs=1M count=6 conv=notrunc status=none; "
    "do sleep 0.5; done"
)
_SINCE = ("systemctl", "show", "-P", "ActiveEnterTimestampMonotonic", "bm-core", "postfix")


def test_a_line_that_drops_to_a_tenth_and_then_a_tree_emptied_on_the_target(fresh: Scene) -> None:
    run, target = fresh, fresh.pair.target
    run.begin()
    network.limit(run.pair.name, "source", "40mbit")
    with run.traffic(rate=2.0) as (sent, _):
        run.transhume("sync")
        _too_thin(run)
        target.exec(("find", DOCS, "-mindepth", "1", "-delete"))
        run.transhume("cutover", "--yes")
    told = trackers.last(run)
    assert any(title.startswith(f"copy what was missed in {DOCS}: ") for title in told), told
    assert trackers.scanned(run) == []
    _compared(run, sent)


def _too_thin(run: Scene) -> None:
    """What changes comes faster than the line takes it: the services aren't stopped for that."""
    source = run.pair.source
    before = source.exec(_SINCE).stdout
    network.limit(run.pair.name, "source", "4mbit")
    with _restless(source):
        told = refusal(typed(run, "cutover", "--yes"), 12)
    network.limit(run.pair.name, "source", None)
    assert "people would wait" in told
    assert "[cutover] rest in the settings" in told
    assert source.exec(_SINCE).stdout == before


@contextmanager
def _restless(source: Machine) -> Iterator[None]:
    """A large file is written anew all the time."""
    source.exec(("systemd-run", "--quiet", "--unit=restless", "sh", "-c", _RESTLESS))
    try:
        yield
    finally:
        source.exec(("systemctl", "stop", "restless"))


def test_a_disk_that_is_full_to_the_last_block(fresh: Scene) -> None:
    """Neither list nor log has room: the move waits until somebody has made some."""
    run, source = fresh, fresh.pair.source
    run.begin()
    with run.traffic(rate=2.0) as (sent, _):
        run.transhume("sync")
        before = source.exec(_SINCE).stdout
        with _full(source):
            trackers.signal(source, "KILL")
            for words in (("sync",), ("cutover", "--yes")):
                done = typed(run, *words)
                if done.returncode:
                    refusal(done, done.returncode)
        assert done.returncode
        assert source.exec(_SINCE).stdout == before
        standing(source)
        run.transhume("cutover", "--yes")
    assert set(trackers.scanned(run)) <= {trackers.ANEW}
    _compared(run, sent)


@contextmanager
def _full(source: Machine) -> Iterator[None]:
    """Large blocks first, then what is left between them."""
    script = (
        "cd /root; fallocate -l $(($(df --block-size=1 --output=avail / | tail -n 1) - 8388608)) "
        "filling1; dd if=/dev/zero of=filling2 bs=4k; dd if=/dev/zero of=filling3 bs=512"
    )
    try:
        source.exec(("sh", "-c", script), check=False)
        yield
    finally:
        source.exec(("sh", "-c", "rm -f /root/filling?"))


def _compared(run: Scene, sent: Path) -> None:
    recipient = run.filled["addresses"][0]
    result = compare(run.pair.source, run.pair.target, log=sent, probe_to=recipient)
    assert result.differences == []
    assert result.counts["accepted"] > 0
