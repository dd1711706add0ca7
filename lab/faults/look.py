"""Who holds the address of people, and who serves, without the tool's own word."""

from __future__ import annotations

from lab import network
from lab.places import Role
from lab.scene import Scene

_SERVES = "systemctl is-active -q bm-core.service && systemctl is-active -q postfix.service"


def holders(run: Scene) -> list[Role]:
    """The machines that hold one of the addresses of people."""
    own = (network.SERVICE.ipv4, network.SERVICE.ipv6)
    shown = {
        machine.role: machine.exec(("ip", "-o", "addr", "show", "scope", "global")).stdout
        for machine in run.pair.machines
    }
    return [role for role, text in shown.items() if any(f" {each}/" in text for each in own)]


def serving(run: Scene) -> list[Role]:
    """The machines whose core and mail run."""
    return [
        machine.role
        for machine in run.pair.machines
        if not machine.exec(("sh", "-c", _SERVES), check=False).returncode
    ]
