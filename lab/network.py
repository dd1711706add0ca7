"""The lab's network: one namespace for the wire and one per host, and no way out of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from lab import cgroup, places
from lab.places import ROLES, SHORT, Role
from lab.shell import DETACHED, run, wait_until

Where = Literal["net", "source", "target"]
NAMESPACES = Path("/run/netns")
INTERFACE = "host0"
_INTRUDER = "third"


@dataclass(frozen=True)
class Address:
    """One machine's pair of addresses, with their prefix lengths."""

    v4: str
    v6: str

    @property
    def ipv4(self) -> str:
        return self.v4.partition("/")[0]

    @property
    def ipv6(self) -> str:
        return self.v6.partition("/")[0]


WIRE = Address("192.0.2.1/24", "2001:db8::1/64")
SERVICE = Address("192.0.2.10/24", "2001:db8::10/64")
MAINTENANCE = Address("192.0.2.11/24", "2001:db8::11/64")
TARGET = Address("192.0.2.20/24", "2001:db8::20/64")
AT_START: dict[Role, Address] = {"source": SERVICE, "target": TARGET}

# A machine keeps its card over a reboot, so a neighbour's cache must stay right.
CARD: dict[Role, str] = {"source": "02:00:00:00:00:10", "target": "02:00:00:00:00:20"}


@dataclass(frozen=True)
class Cable:
    """What a host's cable is like now; it outlives the host's reboots."""

    up: bool = True
    rate: str | None = None
    trip: float | None = None
    """How long a frame takes there and back, in milliseconds."""


def namespace(name: str, where: Where) -> str:
    return f"{places.named(name)}-{'net' if where == 'net' else SHORT[where]}"


def inside(name: str, where: Where, argv: Sequence[str]) -> list[str]:
    """The command line that runs argv in the namespace, for whoever starts it himself."""
    return ["ip", "netns", "exec", namespace(name, where), *argv]


def run_in(
    name: str, where: Where, argv: Sequence[str], *, stdin: str | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    return run(inside(name, where, argv), stdin=stdin, check=check)


def up(name: str) -> None:
    """Lays the wire: a bridge in a namespace of its own; hosts plug themselves in as they boot."""
    space = namespace(name, "net")
    if (NAMESPACES / space).exists():
        return
    run(["ip", "netns", "add", space])
    _batch(
        space,
        "link set lo up",
        "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        f"addr add {WIRE.v4} dev br0",
        f"addr add {WIRE.v6} dev br0 nodad",
        "link set br0 up",
    )


def plug(name: str, role: Role) -> None:
    """Gives a booting host a fresh namespace: no address or firewall rule survives a reboot."""
    _unplug(name, role)
    space, wire = namespace(name, role), namespace(name, "net")
    run(["ip", "netns", "add", space])
    port = SHORT[role]
    _batch(
        wire,
        f"link add {port} type veth peer name {INTERFACE} address {CARD[role]} netns {space}",
        f"link set {port} master br0",
    )
    _batch(space, "link set lo up")
    _apply(name, role, cable(name, role))


def _unplug(name: str, role: Role) -> None:
    space, wire = namespace(name, role), namespace(name, "net")
    # The port goes first: a process that outlived its host could still hold the namespace.
    run(["ip", "-n", wire, "link", "del", SHORT[role]], check=False)
    run(["ip", "netns", "del", space], check=False)


def down(name: str) -> None:
    for role in ROLES:
        _unplug(name, role)
    run(["ip", "netns", "del", namespace(name, "net")], check=False)


@contextmanager
def intruder(name: str) -> Iterator[None]:
    """Another machine on the wire, which holds the service address."""
    space, wire = f"{places.named(name)}-{_INTRUDER}", namespace(name, "net")
    run(["ip", "netns", "add", space])
    try:
        _batch(
            wire,
            f"link add {_INTRUDER} type veth peer name {INTERFACE} netns {space}",
            f"link set {_INTRUDER} master br0 up",
        )
        _batch(space, f"link set {INTERFACE} up", f"addr add {SERVICE.v4} dev {INTERFACE}")
        yield
    finally:
        run(["ip", "netns", "del", space])


def pull(name: str, role: Role) -> None:
    """Pulls the host's cable: both ends lose the carrier."""
    _change(name, role, replace(cable(name, role), up=False))


def push(name: str, role: Role) -> None:
    _change(name, role, replace(cable(name, role), up=True))


def limit(name: str, role: Role, rate: str | None) -> None:
    """Limits the host's traffic in both directions to a tc rate such as 20mbit; None lifts it."""
    _change(name, role, replace(cable(name, role), rate=rate))


def lengthen(name: str, role: Role, trip: float | None) -> None:
    """Makes the host's cable so long that a frame there and back takes that many milliseconds."""
    _change(name, role, replace(cable(name, role), trip=trip))


def cable(name: str, role: Role) -> Cable:
    record = _record(name, role)
    return Cable(**json.loads(record.read_text())) if record.exists() else Cable()


def _record(name: str, role: Role) -> Path:
    return places.host(name, role) / "cable.json"


def _change(name: str, role: Role, wanted: Cable) -> None:
    _record(name, role).write_text(json.dumps(asdict(wanted)))
    if (NAMESPACES / namespace(name, role)).exists():
        _apply(name, role, wanted)


def _apply(name: str, role: Role, wanted: Cable) -> None:
    ends = ((namespace(name, "net"), SHORT[role]), (namespace(name, role), INTERFACE))
    for space, end in ends:
        run(["tc", "-n", space, "qdisc", "del", "dev", end, "root"], check=False)
        if wanted.rate:
            bucket = f"root tbf rate {wanted.rate} burst 256kb latency 200ms"
            run(["tc", "-n", space, "qdisc", "add", "dev", end, *bucket.split()])
    _lay(name, role, wanted.trip)
    space, port = ends[0]
    _batch(space, f"link set {port} {'up' if wanted.up else 'down'}")


def _lay(name: str, role: Role, trip: float | None) -> None:
    """Takes the long cable up, and lays another one."""
    space, port = namespace(name, "net"), SHORT[role]
    group = f"{name}/{role}/wire"
    cgroup.kill(group)
    run(["ip", "-n", space, "link", "set", port, "master", "br0"])
    run(["ip", "-n", space, "link", "del", f"far-{port}"], check=False)
    if trip is None:
        return
    carrier = [sys.executable, "-m", "lab.wire", role, str(trip / 2)]
    subprocess.run(
        [*DETACHED, *inside(name, "net", carrier)],
        cwd=places.CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        check=True,
        preexec_fn=lambda: cgroup.join(group),
    )
    wait_until(lambda: _master(space, port) == f"far-{port}", "the long cable to be laid", 20)


def _master(space: str, port: str) -> str:
    shown = run(["ip", "-n", space, "-j", "link", "show", port], check=False).stdout
    found = json.loads(shown or "[]")
    return str(found[0].get("master", "")) if found else ""


def _batch(space: str, *commands: str) -> None:
    run(["ip", "-n", space, "-batch", "-"], stdin="\n".join(commands) + "\n")
