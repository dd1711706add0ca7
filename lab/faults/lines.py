"""What happens to the line between the two machines."""

from __future__ import annotations

from collections.abc import Iterator

from lab import network
from lab.faults.stage import Scenario, Stage, Unmet
from lab.places import SHORT
from lab.shell import wait_until

_TABLE = "bridge lab-faults"
# In the payload, past the longest header of TCP; the machines' cards take no sums of their own.
_FLIP = (
    f"add table {_TABLE}\n"
    f"add chain {_TABLE} way {{ type filter hook forward priority 0; }}\n"
    f"add rule {_TABLE} way iifname {SHORT['source']} tcp sport 22 meta length > 300 "
    "limit rate 1/hour burst 1 packets counter @th,560,8 set 0x42\n"
)


def down_for(seconds: float) -> Scenario:
    """The source's cable is out for so long."""

    def scenario(stage: Stage) -> Iterator[None]:
        network.pull(stage.name, "source")
        yield
        stage.tool.wait(seconds)
        network.push(stage.name, "source")

    return scenario


def down_for_good(stage: Stage) -> Iterator[None]:
    """The source's cable is out until the tool has given up."""
    network.pull(stage.name, "source")
    yield
    stage.over()
    network.push(stage.name, "source")


def half_open(stage: Stage) -> Iterator[None]:
    """What the two machines send each other vanishes; both think that the line is up."""
    _apart(stage, "on")
    yield
    stage.over()
    _apart(stage, "off")


def _apart(stage: Stage, state: str) -> None:
    for port in SHORT.values():
        words = ("ip", "link", "set", port, "type", "bridge_slave", "isolated", state)
        network.run_in(stage.name, "net", words)


def flipped(stage: Stage) -> Iterator[None]:
    """One byte of what the source sends over ssh arrives as another one."""
    network.run_in(stage.name, "net", ("nft", "-f", "-"), stdin=_FLIP)
    try:
        yield
        wait_until(lambda: _flips(stage) or not stage.tool.running(), "a flip", 120)
        if not _flips(stage):
            raise Unmet("nothing was sent that could be flipped")
    finally:
        network.run_in(stage.name, "net", ("nft", "delete", "table", *_TABLE.split()))


def _flips(stage: Stage) -> bool:
    shown = network.run_in(stage.name, "net", ("nft", "list", "table", *_TABLE.split()))
    return "counter packets 1 " in shown.stdout
