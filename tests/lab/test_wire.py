"""A long cable on real machines: the way there and back takes longer, and a pulled one is cut."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import cgroup, network, places
from lab.shell import run

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and taps"
)
NAME = "labwire"
_CARD = {"source": network.SERVICE, "target": network.TARGET}


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two machines' cards with their addresses, and no machines behind them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "INSTANCES", tmp_path_factory.mktemp("lab"))
        network.up(NAME)
        try:
            for role in places.ROLES:
                places.host(NAME, role).mkdir(parents=True)
                network.plug(NAME, role)
                space, card = network.namespace(NAME, role), network.INTERFACE
                run(["ip", "-n", space, "addr", "add", _CARD[role].v4, "dev", card])
                run(["ip", "-n", space, "link", "set", card, "up"])
            yield NAME
        finally:
            cgroup.kill(NAME)
            network.down(NAME)


# Nobody listens: the refusal is there when a frame has gone there and back.
_REFUSED = """
import socket, sys, time
began = time.monotonic()
try:
    socket.create_connection((sys.argv[1], 9), 2).close()
except ConnectionRefusedError:
    print((time.monotonic() - began) * 1000)
except OSError:
    print(-1)
"""


def _trip(name: str) -> float:
    """Milliseconds there and back, once both know each other's cards; -1 when nothing comes."""
    argv = (sys.executable, "-c", _REFUSED, network.SERVICE.ipv4)
    network.run_in(name, "target", argv)
    return float(network.run_in(name, "target", argv).stdout)


def test_a_cable_is_as_long_as_is_wanted(wire: str) -> None:
    network.lengthen(wire, "source", 30)
    assert _trip(wire) >= 30
    network.pull(wire, "source")
    assert _trip(wire) == -1
    network.push(wire, "source")
    assert _trip(wire) >= 30
    network.lengthen(wire, "source", None)
    # A busy machine may be slow for once; a long cable is slow each time.
    assert any(0 <= _trip(wire) < 30 for _ in range(20))
