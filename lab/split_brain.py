"""Whether a machine's node is driven by another one's core, and a firewall that would let it."""

from __future__ import annotations

from lab import network
from lab.furnish import HOSTNAMES
from lab.machine import Machine

# Whole words only: where a machine lost its power, the log holds zeros and half a line.
_CORE = '"core": "%s"'
_ASKED = 'grep -aoE "$1" /var/log/bm-node/driven.jsonl 2>/dev/null | grep -vcF "$2"'


def let_in(source: Machine) -> None:
    """The source's firewall knows the new server, as where its administrator has added it."""
    source.exec(("bm-cli", "sysconf", "set", "fwAdditionalIPs", network.TARGET.ipv4))


def driven(machine: Machine) -> int:
    """How often another machine's core has driven this machine's node."""
    words = (_CORE % '[^"]*', _CORE % HOSTNAMES[machine.role])
    return int(machine.exec(("sh", "-c", _ASKED, "driven", *words), check=False).stdout)


def told(count: int) -> list[str]:
    """What a trap has found, where it was driven at all."""
    return [f"the old server was driven {count} times by the new one's core"] if count else []
