"""The files for each network manager, and that exactly one manager is left in charge."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import netconf, network
from lab.netconf import MANAGERS, Manager
from lab.shell import LabError

UNIT_FILES = Path("etc/systemd/system")


@pytest.mark.parametrize("manager", MANAGERS)
def test_every_manager_is_told_both_addresses_and_both_gateways(manager: Manager) -> None:
    text = "".join(netconf.files(manager, network.SERVICE).values())

    for expected in ("192.0.2.10/24", "2001:db8::10/64", "192.0.2.1", "2001:db8::1"):
        assert expected in text


@pytest.mark.parametrize("manager", MANAGERS)
def test_the_files_hold_a_comment_and_a_setting_of_another_kind(manager: Manager) -> None:
    text = "".join(netconf.files(manager, network.SERVICE).values())

    assert "# The address that MX and SPF name." in text
    assert "1500" in text


def test_only_ifupdown_brings_up_the_card_from_interfaces() -> None:
    naming = {
        manager: "host0" in netconf.files(manager, network.SERVICE)[netconf.INTERFACES]
        for manager in MANAGERS
    }

    assert [manager for manager, named in naming.items() if named] == ["ifupdown"]


@pytest.mark.parametrize("manager", MANAGERS)
def test_the_other_managers_are_masked(
    tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(netconf, "run", commands.append)

    netconf.configure(tmp_path, manager, network.TARGET)

    masked = next(set(command) for command in commands if "mask" in command)
    assert commands[-1][-2:] == ["enable", netconf.UNITS[manager][0]]
    assert not masked & set(netconf.UNITS[manager])
    for other in MANAGERS:
        if netconf.UNITS[other] != netconf.UNITS[manager]:
            assert set(netconf.UNITS[other]) <= masked


def test_a_second_manager_replaces_the_first_ones_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netconf, "run", lambda _: None)

    for manager in MANAGERS:
        netconf.configure(tmp_path, manager, network.TARGET)
        left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
        assert left == set(netconf.files(manager, network.TARGET))


def test_a_connection_with_its_secrets_is_for_the_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netconf, "run", lambda _: None)

    netconf.configure(tmp_path, "NetworkManager", network.SERVICE)

    assert (tmp_path / netconf.CONNECTION).stat().st_mode & 0o777 == 0o600


def test_a_manager_is_known_however_it_is_capitalised() -> None:
    assert netconf.manager("networkmanager") == "NetworkManager"


def test_an_unknown_manager_is_refused_with_the_known_ones() -> None:
    with pytest.raises(LabError, match=r"wicked.*ifupdown"):
        netconf.manager("wicked")
