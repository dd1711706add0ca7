"""The first copy over several connections: what breaks them costs no byte twice and none at all."""

from __future__ import annotations

import os

import pytest

from lab import network
from lab.machine import Machine
from lab.scene import Scene
from lab.shell import wait_until
from tests.real.stage import SETTINGS, Started

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]

_TREE = "/var/spool/bm-filehosting"
_FILLED = f"""
mkdir -p {_TREE}/many; cd {_TREE}
head -c 48M /dev/urandom > large
for n in $(seq 2000); do head -c 3000 /dev/urandom > "many/$n"; done
"""
# Each release escapes and sorts odd names in its own way.
_SUMS = (
    f"cd {_TREE} && find . -type f -print0 | LC_ALL=C sort -z | "
    "xargs -0 sha256sum --zero | sha256sum"
)
_CONNECTION = "pgrep -f '^ssh -F /run/transhume/ssh_bulk .*python3'"


def _arrived(machine: Machine) -> int:
    """Bytes in the tree, and in what isn't whole yet."""
    return int(machine.exec(("du", "-s", "--block-size=1", _TREE)).stdout.split()[0])


def _limit(run: Scene, bandwidth: str) -> None:
    script = f"sed -i '/^\\[copy\\]/,$d' {SETTINGS}; printf '[copy]\\n{bandwidth}\\n' >> {SETTINGS}"
    run.pair.target.exec(("sh", "-c", script))


def test_it_goes_on_whatever_happens_to_its_connections(fresh: Scene) -> None:
    source, target = fresh.pair.source, fresh.pair.target
    source.exec(("sh", "-c", _FILLED))
    fresh.begin()
    _limit(fresh, 'bandwidth = "2M"')
    with Started(fresh, "sync") as tool:

        def carrying(more: int) -> None:
            before = _arrived(target)

            def moved() -> bool:
                assert tool.running(), tool.ended()
                open_now = target.exec(("sh", "-c", _CONNECTION), check=False).returncode == 0
                return open_now and _arrived(target) >= before + more

            wait_until(moved, "more of the tree to arrive", 120)

        carrying(1 << 20)
        target.exec(("sh", "-c", f"{_CONNECTION} | head -n 1 | xargs kill"))
        carrying(4 << 20)
        network.limit(fresh.pair.name, "source", "4mbit")
        try:
            carrying(1 << 20)
        finally:
            network.limit(fresh.pair.name, "source", None)
        _limit(fresh, "")
        done = tool.ended()
    assert done.returncode == 0, done.stderr
    assert target.exec(("sh", "-c", _SUMS)).stdout == source.exec(("sh", "-c", _SUMS)).stdout
