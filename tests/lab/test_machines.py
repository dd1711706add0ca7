"""Two real machines: each network manager, a reboot, a pulled cable, a power cut, a saved state."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab import network, pair, places
from lab.netconf import MANAGERS, Manager
from lab.pair import Pair
from lab.shell import LabError, wait_until

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="boots machines, which needs root"),
]

NAME = "labtest"
ADDRESS = ["ip", "-brief", "address", "show", network.INTERFACE]
SSH = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "mail.example.org"]


@pytest.fixture(scope="module")
def two() -> Iterator[Pair]:
    with Pair.up(NAME) as made:
        yield made


@pytest.mark.parametrize("manager", MANAGERS)
@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("bullseye", "trixie"),
        pytest.param("bookworm", "bookworm", marks=pytest.mark.campaign),
    ],
)
def test_each_manager_gives_the_addresses_at_every_boot(
    source: str, target: str, manager: Manager
) -> None:
    with Pair.up(f"{NAME}2", source, target, manager, manager) as made:
        for machine in made.machines:
            machine.reboot()
            shown = machine.exec(ADDRESS).stdout
            expected = network.AT_START[machine.role]
            assert {expected.v4, expected.v6} <= set(shown.split())
        assert made.target.exec([*SSH, "hostname"]).stdout == "mail.example.org\n"


def test_a_command_has_its_input_its_status_and_a_clean_environment(two: Pair) -> None:
    assert two.source.exec(["cat"], stdin="mail").stdout == "mail"
    assert two.source.exec(["sh", "-c", "exit 7"], check=False).returncode == 7
    assert "VIRTUAL_ENV" not in two.source.exec(["env"]).stdout
    with pytest.raises(LabError, match=r"labtest source: .*exit 7"):
        two.source.exec(["sh", "-c", "exit 7"])


def test_a_pulled_cable_cuts_the_wire_and_not_the_console(two: Pair) -> None:
    network.pull(NAME, "source")
    try:
        assert "NO-CARRIER" in two.source.exec(["ip", "link", "show", "host0"]).stdout
        assert two.target.exec([*SSH, "true"], check=False).returncode == 255
    finally:
        network.push(NAME, "source")
    wait_until(lambda: two.target.exec([*SSH, "true"], check=False).returncode == 0, "ssh", 30)


def test_nothing_set_by_hand_in_the_network_survives_a_reboot(two: Pair) -> None:
    two.source.exec(["ip", "address", "add", "192.0.2.77/24", "dev", network.INTERFACE])
    two.source.exec(["nft", "add", "table", "inet", "byhand"])

    two.source.reboot()

    assert "192.0.2.77" not in two.source.exec(ADDRESS).stdout
    assert two.source.exec(["nft", "list", "tables"]).stdout == ""


def test_a_power_cut_loses_what_was_not_on_the_disk(two: Pair) -> None:
    two.source.exec(["sh", "-c", "echo kept > /root/kept; sync; echo lost > /root/lost"])

    two.source.kill()
    assert not two.source.on()
    two.source.boot()

    assert two.source.exec(["ls", "/root"]).stdout == "kept\n"


def test_a_power_cut_gives_back_whole_what_was_deleted_right_before(two: Pair) -> None:
    make = "mkdir /srv/gone && seq 200000 > /srv/gone/file && sync && rm -r /srv/gone"
    two.source.exec(["sh", "-c", make])

    two.source.kill()
    two.source.boot()

    assert two.source.exec(["sh", "-c", "seq 200000 | cmp - /srv/gone/file"]).stdout == ""


def test_a_saved_state_comes_back(two: Pair) -> None:
    two.target.exec(["touch", "/root/before"])
    two.save("labtest")
    try:
        two.target.exec(["touch", "/root/after"])
        two.load("labtest")
        assert two.target.exec(["ls", "/root"]).stdout == "before\n"
    finally:
        pair.forget("labtest")


def test_nothing_is_left_of_a_pair_taken_down() -> None:
    with Pair.up(f"{NAME}3"):
        pass

    left = [path.name for path in network.NAMESPACES.iterdir()]
    assert not [name for name in left if name.startswith(f"{NAME}3-")]
    assert not places.instance(f"{NAME}3").exists()
