"""Tests of giving the source its addresses back, on a kernel with a network of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.steps.network.machine import Machine
from tests.steps.network.samples import DEVICE, IFUPDOWN, INTERFACES, SERVICE, SPARE
from transhume.core.change import Act, leaves
from transhume.core.host import Output, Pair
from transhume.steps.network.place import Addresses
from transhume.steps.network.release import Release

ADDRESSES = Addresses((SERVICE,), (SPARE,), DEVICE, DEVICE)
OTHER = "198.51.100.7/24"
# What it says of devices is that of the network in which it was mounted.
_WAIT = "mount -t sysfs none /sys && echo && exec cat"


@dataclass
class Asked(Machine):
    """Notes the programs that it is asked of."""

    programs: set[str] = field(default_factory=set, kw_only=True)

    def ask(self, *argv: str) -> Output:
        self.programs.add(argv[0])
        return super().ask(*argv)


def test_while_people_wait_systemd_is_asked_nothing_that_was_seen_a_moment_ago() -> None:
    """While it reads all units anew, for the masks of the services, it answers nobody."""
    source = Asked(
        "source",
        files={INTERFACES: IFUPDOWN},
        held={str(SERVICE): {}},
        routes={4: [], 6: []},
    )
    pair, release = Pair(source, Machine("target")), Release(ADDRESSES)
    seen_by_the_guard = list(release.run(pair))
    assert "systemctl" in source.programs
    source.programs.clear()
    for change in release.run(pair):
        source.perform(change.act)
    assert list(release.verify(pair)) == []
    assert source.programs
    assert "systemctl" not in source.programs
    assert [change.title for change in seen_by_the_guard][-1] == f"write {INTERFACES}"
    # Whoever comes later looks anew.
    assert list(release.verify(pair)) == []
    assert "systemctl" in source.programs


@dataclass
class Kernel(Machine):
    """A machine whose addresses a kernel holds; the rest are facts."""

    process: int = field(default=0, kw_only=True)

    def ask(self, *argv: str) -> Output:
        if argv[0] != "ip":
            return super().ask(*argv)
        done = self.run(argv)
        return Output(done.returncode, done.stdout, done.stderr)

    def run(self, argv: tuple[str, ...], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run it in the network of its own."""
        inside = ("nsenter", "--net", "--mount", f"--target={self.process}", *argv)
        return subprocess.run(inside, input=stdin, capture_output=True, check=False)

    def perform(self, act: Act) -> None:
        for leaf in leaves(act):
            for command in leaf.commands():
                done = self.run(command.argv, command.input)
                assert done.returncode in command.ok, (command.argv, done.stderr)

    def sender(self, to: str) -> str:
        """The address from which the machine sends to that one."""
        shown = json.loads(self.read("ip", "-j", "route", "get", to))
        return str(shown[0]["prefsrc"])

    def addresses(self) -> list[str]:
        (link,) = json.loads(self.read("ip", "-j", "-4", "addr", "show", "dev", DEVICE))
        return [f"{each['local']}/{each['prefixlen']}" for each in link["addr_info"]]


@pytest.fixture
def source() -> Iterator[Kernel]:
    with subprocess.Popen(
        ("unshare", "--net", "--mount", "sh", "-c", _WAIT),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        kernel = Kernel("source", process=process.pid)
        for words in (
            f"link add {DEVICE} type veth peer name wire",
            "link set wire up",
            "link set lo up",
            f"link set {DEVICE} up",
            *(f"addr add {each} dev {DEVICE}" for each in (SERVICE, OTHER, SPARE)),
        ):
            assert kernel.run(("ip", *words.split())).returncode == 0, words
        yield kernel
        process.stdin.close()


@pytest.mark.programs("unshare", "nsenter", "ip", "sysctl")
@pytest.mark.skipif(os.geteuid() != 0, reason="a network of one's own needs root")
def test_the_source_sends_from_its_own_address_again_while_the_spare_one_stays(
    source: Kernel,
) -> None:
    """What it began from the spare one would wait for ever once that goes, its own mail too."""
    pair = Pair(source, Machine("target"))
    change = next(
        each for each in Release(ADDRESSES).run(pair) if each.title.startswith("take 192.0.2.10")
    )
    source.perform(change.act)
    assert source.addresses() == [OTHER, str(SPARE)]
    assert source.sender("192.0.2.77") == str(SPARE.ip)
    assert isinstance(change.back, Act)
    source.perform(change.back)
    assert sorted(source.addresses()) == sorted([OTHER, str(SERVICE), str(SPARE)])
    assert source.sender("192.0.2.77") == str(SERVICE.ip)
    assert source.sender(str(SERVICE.ip)) == str(SERVICE.ip)
    # It may be gone by then, after a reboot for instance.
    source.run(("ip", "addr", "del", str(SPARE), "dev", DEVICE))
    source.perform(change.back)
    assert source.addresses() == [OTHER, str(SERVICE)]
