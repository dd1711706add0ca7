"""Tests of recognising a device's network manager and of reading and writing its files."""

from __future__ import annotations

import pytest

from tests.steps.network.machine import Machine
from tests.steps.network.samples import (
    DEVICE,
    IFUPDOWN,
    INTERFACES,
    KEYFILE,
    NETPLAN,
    NETWORK,
    NETWORKD,
    OWN_PLAN,
    PLAN,
    PROFILE,
    SPARE,
    SPARE6,
)
from transhume.core.change import Change, Pause
from transhume.core.host import Output
from transhume.errors import StepFailed
from transhume.steps.network import managers
from transhume.steps.network.edit import NotUnderstood
from transhume.steps.network.managers import manager_of, rewritten

NM, ND = "NetworkManager.service", "systemd-networkd.service"
STATE = {"/run/systemd/netif/links/2": f"A=b\nNETWORK_FILE={NETWORK}\n".encode()}
UUID = "6f1c9f0e-5d9a-4f57-9d0b-3f3f3a5f2c10"


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        (Machine("target", {INTERFACES: IFUPDOWN}), "ifupdown"),
        (Machine("target", STATE, active=frozenset({ND})), "systemd-networkd"),
        (
            Machine("target", {PROFILE: KEYFILE}, active=frozenset({NM}), uuid=UUID),
            "NetworkManager",
        ),
        (Machine("target", {PLAN: NETPLAN, INTERFACES: IFUPDOWN}), "netplan"),
        (
            Machine(
                "target",
                {INTERFACES: IFUPDOWN},
                active=frozenset({NM, ND}),
                nm_state="10 (unmanaged)",
                networkd_state="2 ens3 ether routable unmanaged",
            ),
            "ifupdown",
        ),
    ],
)
def test_the_manager_is_recognised(machine: Machine, name: str) -> None:
    assert manager_of(machine, DEVICE)[0].name == name


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (Machine("target"), "nothing known manages ens3 on the target"),
        (
            Machine("source", {INTERFACES: IFUPDOWN}, active=frozenset({NM})),
            "is managed by Net.*and",
        ),
    ],
)
def test_none_or_several_are_refused(machine: Machine, said: str) -> None:
    with pytest.raises(NotUnderstood, match=said) as error:
        manager_of(machine, DEVICE)
    assert "manual" in error.value.remedy


def test_networkd_says_itself_which_file_it_chose_and_drop_ins_hide_each_other() -> None:
    drop_in = "10-ens3.network.d/a.conf"
    files = {
        **STATE,
        NETWORK: NETWORKD,
        "/etc/systemd/network/00-other.network": b"",
        f"/etc/systemd/network/{drop_in}": b"[Network]\nAddress=192.0.2.30/24\n",
        f"/run/systemd/network/{drop_in}": b"[Network]\nAddress=192.0.2.31/24\n",
    }
    read = managers.NETWORKD.read(Machine("target", files), DEVICE)
    assert list(read) == [NETWORK, f"/etc/systemd/network/{drop_in}"]


def test_a_device_without_file_is_refused() -> None:
    with pytest.raises(NotUnderstood, match="networkd has no"):
        managers.NETWORKD.read(Machine("target"), DEVICE)


def test_the_active_profile_is_read() -> None:
    other = KEYFILE.replace(UUID.encode(), b"other")
    files = {PROFILE: KEYFILE, f"{PROFILE}.old": other}
    machine = Machine("target", files, uuid=UUID)
    assert managers.NETWORK_MANAGER.read(machine, DEVICE) == {PROFILE: KEYFILE}
    machine.uuid = "in memory only"
    with pytest.raises(NotUnderstood, match="no keyfile"):
        managers.NETWORK_MANAGER.read(machine, DEVICE)


def _rewritten(machine: Machine, manager: managers.Manager) -> Change:
    files = manager.read(machine, DEVICE)
    edits = manager.add(files, DEVICE, [SPARE, SPARE6])
    change = rewritten(machine, manager, DEVICE, edits, Pause("settled"), Pause("restored"))
    assert change is not None
    return change


def test_a_file_keeps_its_mode_and_comes_back_byte_for_byte() -> None:
    machine = Machine("target", {PROFILE: KEYFILE}, uuid=UUID, modes={PROFILE: "600"})
    change = _rewritten(machine, managers.NETWORK_MANAGER)
    machine.perform(change.act)
    assert machine.files[PROFILE] != KEYFILE
    assert not isinstance(change.back, str)
    machine.perform(change.back)  # type: ignore[arg-type]
    singly = f"sysctl -q -w net.ipv4.conf.{DEVICE}.promote_secondaries=1"
    told = [singly, "nmcli connection reload", f"nmcli device reapply {DEVICE}"]
    assert machine.done == [f"write {PROFILE} 600", *told, f"write {PROFILE} 600", *told]
    assert machine.files[PROFILE] == KEYFILE


def test_a_new_file_of_netplan_is_private_and_goes_again() -> None:
    machine = Machine("target", {PLAN: NETPLAN})
    change = _rewritten(machine, managers.NETPLAN)
    machine.perform(change.act)
    machine.perform(change.back)  # type: ignore[arg-type]
    assert [each for each in machine.done if each.startswith(("write", "remove"))] == [
        f"write {OWN_PLAN} 0600",
        f"remove {OWN_PLAN}",
    ]
    assert machine.files == {PLAN: NETPLAN}


CLOUD = "/etc/network/interfaces.d/50-cloud-init"


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"/etc/cloud/cloud.cfg.d/05_logging.cfg": b"# config: disabled\n"},
        {"/etc/cloud/cloud.cfg.d/99.cfg": b"network: {config: disabled}\n"},
        {"/etc/cloud/cloud.cfg.d/99.cfg": b"network:\n  config: disabled\n"},
        {"/etc/cloud/cloud-init.disabled": b""},
    ],
)
def test_what_cloud_init_writes_anew_at_each_start_is_no_place_for_a_change(
    told: dict[str, bytes],
) -> None:
    source = f"source {CLOUD}\n".encode()
    machine = Machine("source", {INTERFACES: source, CLOUD: IFUPDOWN, **told})
    disabled = any("disabled" in path or not path.endswith("logging.cfg") for path in told)
    if disabled:
        _rewritten(machine, managers.IFUPDOWN)
        return
    with pytest.raises(NotUnderstood, match="cloud-init writes") as error:
        _rewritten(machine, managers.IFUPDOWN)
    assert "config: disabled" in error.value.remedy


def test_nothing_to_write_is_no_change() -> None:
    pause = Pause("")
    assert rewritten(Machine("source"), managers.IFUPDOWN, DEVICE, {}, pause, pause) is None


def test_a_folder_that_cant_be_listed_isnt_an_empty_one() -> None:
    machine = Machine("source")
    denied = Output(1, b"", b"find: '/etc/netplan': Permission denied\n")
    machine.ask = lambda *argv: denied  # type: ignore[method-assign]
    with pytest.raises(StepFailed, match="can't be listed"):
        manager_of(machine, DEVICE)
