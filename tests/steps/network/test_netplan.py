"""Tests of editing netplan's YAML."""

from __future__ import annotations

import pytest

from tests.steps.network.samples import (
    DEVICE,
    NETPLAN,
    NETPLAN_FLOW,
    OWN_PLAN,
    PLAN,
    SERVICE,
    SERVICE6,
    SHORT,
    SPARE,
    SPARE6,
)
from transhume.steps.network import netplan
from transhume.steps.network.edit import NotUnderstood, applied, ip

FILES = {PLAN: NETPLAN}


def test_an_added_address_goes_to_a_file_of_its_own() -> None:
    own = b"""\
network:
  version: 2
  ethernets:
    ens3:
      addresses:
        - "192.0.2.11/24"
        - "2001:db8::11/64"
"""
    assert netplan.add(FILES, DEVICE, [SERVICE, SPARE, SPARE6]) == {OWN_PLAN: own}


def test_the_file_names_the_device_as_the_admin_does() -> None:
    (content,) = netplan.add({PLAN: NETPLAN_FLOW}, DEVICE, [SPARE]).values()
    assert b"\n    mail:\n" in (content or b"")


def test_that_file_goes_with_its_last_address() -> None:
    files = applied(FILES, netplan.add(FILES, DEVICE, [SPARE, SPARE6]))
    assert netplan.holds(files, DEVICE) == netplan.holds(FILES, DEVICE) | {SPARE.ip, SPARE6.ip}
    assert netplan.remove(files, DEVICE, [SPARE6, SPARE]) == {OWN_PLAN: None}


def test_only_the_items_of_the_addresses_go() -> None:
    expected = NETPLAN.replace(b"            - 192.0.2.10/24   # the mail server\n", b"")
    item = b'            - "2001:db8:0::10/64":\n                label: mail\n'
    expected = expected.replace(item + b"                lifetime: 0\n", b"")
    assert netplan.remove(FILES, DEVICE, [SERVICE, SERVICE6]) == {PLAN: expected}


def test_a_list_in_brackets_is_shortened() -> None:
    (content,) = netplan.remove({PLAN: NETPLAN_FLOW}, DEVICE, [SERVICE, SERVICE6]).values()
    assert content == NETPLAN_FLOW.replace(
        b'[ "192.0.2.10/24", 192.0.2.1/24,2001:db8::10/64 ]', b"[192.0.2.1/24]"
    )
    assert netplan.holds({PLAN: content or b""}, DEVICE) == {SHORT.ip}


def test_a_list_that_becomes_empty_stays_a_list() -> None:
    lonely = b"network:\n  ethernets:\n    ens3:\n      addresses:\n        - 192.0.2.10/24\n"
    (content,) = netplan.remove({PLAN: lonely}, DEVICE, [SERVICE]).values()
    assert content == b"network:\n  ethernets:\n    ens3:\n      addresses: []\n"
    assert netplan.holds({PLAN: content or b""}, DEVICE) == frozenset()


def test_files_of_the_same_name_hide_each_other() -> None:
    files = {
        "/lib/netplan/a.yaml": NETPLAN,
        "/etc/netplan/a.yaml": NETPLAN.replace(b"192.0.2.10/24", b"192.0.2.12/24"),
        "/etc/netplan/b.txt": NETPLAN,
    }
    assert SERVICE.ip not in netplan.holds(files, DEVICE)


def test_windows_line_ends_and_a_missing_last_one() -> None:
    windows = NETPLAN.replace(b"\n", b"\r\n").rstrip()
    (content,) = netplan.remove({PLAN: windows}, DEVICE, [SERVICE]).values()
    assert content == windows.replace(b"            - 192.0.2.10/24   # the mail server\r\n", b"")


def test_a_definition_is_found_by_its_match() -> None:
    plan = b"network:\n  ethernets:\n    any:\n      match:\n        name: en*\n      dhcp4: true\n"
    assert netplan.definitions({PLAN: plan}, DEVICE)
    assert not netplan.definitions({PLAN: plan}, "eth0")
    with pytest.raises(NotUnderstood, match="isn't for ens3 alone"):
        netplan.add({PLAN: plan}, DEVICE, [SPARE])


@pytest.mark.parametrize(
    "content",
    [
        b"network: {version: 2, ethernets: {ens3: {addresses: [192.0.2.10/24]}}}\n",
        b"network:\n  ethernets: {ens3: {addresses: [192.0.2.10/24]}}\n",
        b"network:\n  ethernets:\n    ens3: {addresses: [192.0.2.10/24]}\n",
        b"network:\n  ethernets:\n    ens3: &mail\n      addresses: [192.0.2.10/24]\n",
        b"network:\n  ethernets:\n    ens3:\n      <<: *mail\n",
        b"network:\n\tethernets:\n",
        b"network:\n  ethernets:\n    ens3:\n      addresses: [192.0.2.10/24]\n---\na: b\n",
        b"network:\n  ethernets:\n    ens3:\n      addresses: [192.0.2.10/24,\n        $MORE]\n",
        b"network:\n  ethernets:\n    ens3:\n      addresses: [\n",
        b"network:\n  ethernets:\n    ens3:\n      addresses: [192.0.2.9/24,\n 192.0.2.10/24]\n",
        NETPLAN.replace(b"on-link: true", b"from: 2001:db8::10") + b"#",
        NETPLAN_FLOW.replace(b" 192.0.2.1/24,", b""),
        NETPLAN + b"        ens5:\n            set-name: ens3\n",
    ],
)
def test_what_would_have_to_be_guessed_at_is_refused(content: bytes) -> None:
    files = {PLAN: content}
    with pytest.raises(NotUnderstood):
        netplan.remove(files, DEVICE, [each for each in (SERVICE, SERVICE6) if ip(str(each))])
    with pytest.raises(NotUnderstood):
        netplan.remove(files, DEVICE, [SERVICE6, SERVICE])
