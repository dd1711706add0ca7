"""Each network manager gives and takes real addresses, across reboots and back again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest

from lab import netconf, network
from lab.machine import Machine
from lab.pair import Pair as LabPair
from lab.shell import wait_until
from transhume.core.change import Act, Await, Carry, Change, Command, Keep, Never, Place
from transhume.core.finding import stopping
from transhume.core.host import May, Output, Pair, Snapshot
from transhume.core.settings import AddressSettings
from transhume.core.step import Step
from transhume.engine.perform import Performer
from transhume.errors import StepFailed
from transhume.hosts.reading import only_reads
from transhume.steps.address import address_steps

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]

SERVICE, MAINTENANCE, OWN = network.SERVICE, network.MAINTENANCE, network.TARGET
CONFIGURED = ("/etc/network", "/etc/netplan", "/etc/systemd/network", "/etc/NetworkManager")
SETTINGS = AddressSettings(
    how="take",
    service=(SERVICE.v4, SERVICE.v6),
    maintenance=(MAINTENANCE.v4, MAINTENANCE.v6),
    source_device=network.INTERFACE,
    target_device=network.INTERFACE,
)
OTHER_WAY = {"bullseye": "trixie", "trixie": "bullseye"}


@dataclass
class Way:
    """Over which of its addresses the source is reached, as ssh would say it."""

    address: str = SERVICE.ipv4

    def to(self, address: str) -> None:
        self.address = address or SERVICE.ipv4


@dataclass
class Box:
    """A machine of the lab as a Host and a Hand, past the network."""

    place: Place
    machine: Machine
    way: Way

    def ask(self, *argv: str) -> Output:
        assert only_reads(argv), argv
        return self._do(argv, b"")

    def read(self, *argv: str) -> str:
        output = self.ask(*argv)
        if output.status:
            raise StepFailed(f"{argv}: {output.stderr.decode()}")
        return output.text

    def file(self, path: str) -> bytes | None:
        output = self.ask("cat", "--", path)
        return None if output.status else output.stdout

    def sql(self, database: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def greeting(self, address: str) -> str:
        raise NotImplementedError

    def recipients(self, address: str, *wanted: str) -> tuple[int, ...]:
        raise NotImplementedError

    def agent(self, name: str, *arguments: str, stdin: bytes = b"") -> Iterator[bytes]:
        raise NotImplementedError

    def snapshot(self, database: str, jobs: int) -> AbstractContextManager[Snapshot]:
        raise NotImplementedError

    def api(self, path: str) -> Any:
        raise NotImplementedError

    def run(self, command: Command, heard: Callable[[str], None], may: May | None = None) -> Output:
        return self._do(command.argv, command.input)

    def _do(self, argv: tuple[str, ...], stdin: bytes) -> Output:
        reached = f"SSH_CONNECTION={OWN.ipv4} 40000 {self.way.address} 22"
        done = subprocess.run(
            self.machine.command(["env", "LC_ALL=C.UTF-8", reached, *argv]),
            input=stdin,
            capture_output=True,
            check=False,
        )
        return Output(done.returncode, done.stdout, done.stderr)


def _nothing(_: object) -> None:
    pass


@dataclass
class Move:
    """The address part of a move between the two machines."""

    lab: LabPair
    way: Way = field(default_factory=Way)
    backs: list[tuple[Place, Act]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.source = Box("source", self.lab.source, self.way)
        self.target = Box("target", self.lab.target, self.way)
        self.boxes = (self.source, self.target)
        self.pair = Pair(self.source, self.target)
        hands = {"source": self.source, "target": self.target}
        self.performer = Performer(hands, self.way, _nothing, _nothing)  # type: ignore[arg-type]
        planned = address_steps(SETTINGS)
        self.steps: tuple[Step, ...] = (
            *planned.before_freeze,
            *planned.settle_back,
            *planned.replace,
            *planned.settle,
        )

    def check(self) -> list[str]:
        return [each.key for step in self.steps for each in step.check(self.pair)]

    def go(self, step: Step) -> None:
        for change in step.run(self.pair):
            self.make(step, change)
        assert not stopping(step.verify(self.pair))
        again = list(step.run(self.pair))
        alters = [each for each in again if not isinstance(each.act, Await)]
        assert all(isinstance(each.back, Keep) for each in alters), (
            "a second walk must alter nothing"
        )

    def make(self, step: Step, change: Change) -> None:
        assert not isinstance(change.back, Never | Carry)
        assert change.places() <= step.touches
        (place,) = step.touches
        if not isinstance(change.back, Keep):
            self.backs.append((place, change.back))
        self.performer.perform(change.act)

    def make_all(self, *steps: Step) -> None:
        """Make the changes of these steps, without a look at what came of them."""
        for step in steps:
            for change in step.run(self.pair):
                self.make(step, change)

    def walk(self, last: int) -> bool:
        """Make changes up to that number, from 0; whether there was one."""
        changes = ((step, change) for step in self.steps for change in step.run(self.pair))
        for number, (step, change) in enumerate(changes):
            self.make(step, change)
            if number == last:
                return True
        return False

    def cut(self) -> None:
        """Cut the power of the machine that was last altered, and switch it on again."""
        place = self.backs[-1][0] if self.backs else "target"
        machine = next(box.machine for box in self.boxes if box.place == place)
        machine.kill()
        machine.boot()
        both = self.held(self.source) & self.held(self.target)
        assert not both, f"{both} twice after a power cut"

    def back(self) -> None:
        for _, act in reversed(self.backs):
            self.performer.perform(act)
        self.backs.clear()

    def state(self) -> dict[str, str]:
        """Content, mode and owner of all that the network managers read."""
        script = (
            'for d; do [ -d "$d" ] || continue; find "$d" -type f -exec sha256sum {} + '
            '-exec stat -c "%n %a %U:%G" {} +; done'
        )
        return {
            box.place: box.machine.exec(["sh", "-c", script, "state", *CONFIGURED]).stdout
            for box in self.boxes
        }

    def held(self, box: Box) -> set[str]:
        shown = box.read("ip", "-j", "addr", "show", "dev", network.INTERFACE)
        return {
            f"{each['local']}/{each['prefixlen']}"
            for link in json.loads(shown)
            for each in link["addr_info"]
            if each["scope"] == "global" and not each.get("tentative")
        }

    def noticed(self, box: Box) -> bool:
        """Whether the machine has drawn its conclusions from a cable that is out."""
        if self.lab.shape.manager(box.place) == "ifupdown":
            return not _carrier(box)
        if self.lab.shape.manager(box.place) == "NetworkManager":
            argv = ("nmcli", "-g", "GENERAL.STATE", "device", "show", network.INTERFACE)
            return "unavailable" in box.read(*argv)
        # An IPv6 address that was still being tried when networkd saw it isn't its own to drop.
        return not any("." in address for address in self.held(box))

    def ways(self, box: Box) -> set[str]:
        """The default routes, without what only one manager writes beside them."""
        routes = [json.loads(box.read("ip", f, "-j", "route", "show", "default")) for f in _BOTH]
        return {each["gateway"] for family in routes for each in family}

    def answers(self, address: str) -> str:
        """The card that answers for the address, asked from the wire with what it remembers."""
        network.run_in(self.lab.name, "net", [sys.executable, "-c", _CONNECT, address])
        shown = network.run_in(self.lab.name, "net", ["ip", "-j", "neigh", "show", "to", address])
        return str(json.loads(shown.stdout)[0]["lladdr"])


# Much less than the half minute after which a neighbour doubts what it remembers.
_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], 22), 2).close()"


def _carrier(box: Box) -> bool:
    shown = json.loads(box.read("ip", "-j", "link", "show", "dev", network.INTERFACE))
    return "NO-CARRIER" not in shown[0]["flags"]


_BOTH = ("-4", "-6")
OLD, NEW = network.CARD["source"], network.CARD["target"]
GATEWAYS = {network.WIRE.ipv4, network.WIRE.ipv6}


def _before(move: Move) -> None:
    assert move.held(move.source) == {SERVICE.v4, SERVICE.v6}
    assert move.held(move.target) == {OWN.v4, OWN.v6}
    assert [move.answers(each) for each in (SERVICE.ipv4, SERVICE.ipv6)] == [OLD, OLD]


def _after(move: Move) -> None:
    assert move.held(move.source) == {MAINTENANCE.v4, MAINTENANCE.v6}
    assert move.held(move.target) == {OWN.v4, OWN.v6, SERVICE.v4, SERVICE.v6}
    assert [move.answers(each) for each in (SERVICE.ipv4, SERVICE.ipv6)] == [NEW, NEW]
    assert [move.answers(each) for each in (MAINTENANCE.ipv4, MAINTENANCE.ipv6)] == [OLD, OLD]
    assert move.ways(move.source) == move.ways(move.target) == GATEWAYS


def _blink(move: Move) -> None:
    """Both cables out and in again: what a daemon remembers comes up now."""
    before = [move.held(box) for box in move.boxes]
    for box in move.boxes:
        network.pull(move.lab.name, box.machine.role)
    for box in move.boxes:
        wait_until(lambda box=box: move.noticed(box), f"{box.place} to miss its cable", 30)  # type: ignore[misc]
    for box in move.boxes:
        network.push(move.lab.name, box.machine.role)
    wait_until(lambda: [move.held(box) for box in move.boxes] == before, "all addresses", 60)


MANAGERS = [
    ("ifupdown", "networkd", "bullseye"),
    ("networkd", "netplan", "bullseye"),
    ("netplan", "NetworkManager", "bullseye"),
    ("NetworkManager", "ifupdown", "bullseye"),
]
# The same the other way round, from the newer distribution to the older.
OLDER = [
    ("ifupdown", "NetworkManager", "trixie"),
    ("networkd", "ifupdown", "trixie"),
    ("netplan", "networkd", "trixie"),
    ("NetworkManager", "netplan", "trixie"),
]


OVER_NETWORK_MANAGER = [("NetworkManager", "NetworkManager", "bullseye")]


@pytest.fixture
def move(request: pytest.FixtureRequest) -> Iterator[Move]:
    source, target, release = request.param
    with LabPair.up("address", release, OTHER_WAY[release], source, target) as pair:
        yield Move(pair)


@pytest.mark.parametrize("move", MANAGERS, indirect=True, ids="-".join)
def test_address_moves_at_once_for_good_and_back(move: Move) -> None:
    _there_and_back(move)


@pytest.mark.campaign
@pytest.mark.parametrize("move", OLDER, indirect=True, ids="-".join)
def test_address_moves_to_an_older_system_as_well(move: Move) -> None:
    _there_and_back(move)


@pytest.mark.campaign
@pytest.mark.parametrize("move", OVER_NETWORK_MANAGER, indirect=True, ids="-".join)
def test_netplan_over_networkmanager(move: Move) -> None:
    for box, address in zip(move.boxes, (SERVICE, OWN), strict=True):
        _hand_to_netplan(box.machine, address)
    _there_and_back(move)


def _hand_to_netplan(machine: Machine, address: network.Address) -> None:
    gateways = {"gateway": netconf.GATEWAY, "gateway6": netconf.GATEWAY6}
    text = netconf.NETPLAN.format(card=network.INTERFACE, v4=address.v4, v6=address.v6, **gateways)
    text = text.replace("renderer: networkd", "renderer: NetworkManager")
    # The renderer doesn't have this setting.
    text = text.replace("      accept-ra: false\n", "")
    script = f'rm /{netconf.CONNECTION}; umask 077; cat > "$0"'
    machine.exec(["sh", "-c", script, f"/{netconf.NETPLAN_FILE}"], stdin=text)
    machine.reboot()


def _there_and_back(move: Move) -> None:
    _before(move)
    written = move.state()
    assert move.check() == ["outgoing-address"]
    for step in move.steps:
        move.go(step)
    _after(move)
    _blink(move)
    _after(move)
    for machine in move.lab.machines:
        machine.reboot()
    _after(move)
    move.back()
    _before(move)
    assert move.state() == written
    assert move.ways(move.source) == GATEWAYS
    _blink(move)
    for machine in move.lab.machines:
        machine.reboot()
    _before(move)


CUT = [MANAGERS[0], OLDER[1]]


@pytest.mark.campaign
@pytest.mark.parametrize("move", CUT, indirect=True, ids="-".join)
def test_a_power_cut_after_any_change_leaves_no_address_twice_and_the_move_goes_on(
    move: Move,
) -> None:
    written, number = move.state(), 0
    while move.walk(number):
        move.cut()
        for step in move.steps:
            move.go(step)
        _after(move)
        move.back()
        _before(move)
        assert move.state() == written
        number += 1
    assert number > len(move.steps)


@pytest.mark.campaign
@pytest.mark.parametrize("move", CUT, indirect=True, ids="-".join)
def test_a_power_cut_on_the_way_back_leaves_no_address_twice_and_it_goes_on(move: Move) -> None:
    written, number = move.state(), 0
    while True:
        for step in move.steps:
            move.go(step)
        if number > len(move.backs):
            break
        for _, act in move.backs[::-1][:number]:
            move.performer.perform(act)
        del move.backs[len(move.backs) - number + 1 :]
        move.cut()
        move.back()
        _before(move)
        assert move.state() == written
        number += 1


@pytest.mark.parametrize("move", MANAGERS[:1], indirect=True, ids="-".join)
def test_an_address_that_a_third_machine_holds_is_not_taken(move: Move) -> None:
    *before, take, settle = move.steps
    for step in before:
        move.go(step)
    for address in (SERVICE.v4, SERVICE.v6):
        _third(move, "add", address)
    with pytest.raises(StepFailed, match="held by the machine with the card"):
        move.go(take)
    _third(move, "del", SERVICE.v4)
    with pytest.raises(StepFailed, match="dadfailed"):
        move.make_all(take, settle)
    _third(move, "del", SERVICE.v6)
    for step in (take, settle):
        move.go(step)
    _after(move)
    move.back()
    _before(move)


def _third(move: Move, act: str, address: str) -> None:
    nodad = ["nodad"] if act == "add" and ":" in address else []
    network.run_in(move.lab.name, "net", ["ip", "addr", act, address, "dev", "br0", *nodad])
