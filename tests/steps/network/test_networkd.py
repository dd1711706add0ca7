"""Tests of editing what systemd-networkd reads."""

from __future__ import annotations

import pytest

from tests.steps.network.samples import (
    DEVICE,
    NETWORK,
    NETWORKD,
    NETWORKD_SECTIONS,
    SERVICE,
    SERVICE6,
    SPARE,
    SPARE6,
)
from transhume.steps.network import networkd
from transhume.steps.network.edit import NotUnderstood, ip

DROP_IN = f"{NETWORK}.d/mail.conf"


def test_an_added_address_follows_the_last_one() -> None:
    added = b"Address=2001:DB8:0::0010/64\nAddress=192.0.2.11/24\nAddress=2001:db8::11/64\n"
    expected = NETWORKD.replace(b"Address=2001:DB8:0::0010/64\n", added)
    edits = networkd.add({NETWORK: NETWORKD}, DEVICE, [SERVICE, SPARE, SPARE6])
    assert edits == {NETWORK: expected}


def test_a_file_with_a_match_alone_gets_a_section() -> None:
    edits = networkd.add({NETWORK: b"[Match]\nName=ens3"}, DEVICE, [SPARE])
    assert edits == {NETWORK: b"[Match]\nName=ens3\n\n[Network]\nAddress=192.0.2.11/24\n"}


def test_an_address_in_a_drop_in_is_taken_from_there() -> None:
    plain = NETWORKD.replace(b"Address = 192.0.2.10/24\n", b"")
    files = {NETWORK: plain, DROP_IN: b"[Network]\nAddress=192.0.2.10/24"}
    assert networkd.add(files, DEVICE, [SERVICE]) == {}
    assert networkd.remove(files, DEVICE, [SERVICE]) == {DROP_IN: b"[Network]\n"}


def test_only_the_lines_of_the_addresses_go() -> None:
    added = networkd.add({NETWORK: NETWORKD}, DEVICE, [SPARE6])
    content = added[NETWORK] or b""
    expected = content.replace(b"Address = 192.0.2.10/24\n", b"")
    expected = expected.replace(b"Address=2001:DB8:0::0010/64\n", b"")
    assert networkd.remove({NETWORK: content}, DEVICE, [SERVICE, SERVICE6]) == {NETWORK: expected}


def test_a_section_for_the_address_goes_and_its_comment_stays() -> None:
    (content,) = networkd.remove({NETWORK: NETWORKD_SECTIONS}, DEVICE, [SERVICE]).values()
    gone = b"[Address]\nAddress=192.0.2.10/24\n# a comment that stays\n"
    expected = NETWORKD_SECTIONS.replace(gone, b"# a comment that stays\n")
    assert content == expected.replace(b"Label=ens3:mail\nAddPrefixRoute=no\n", b"")
    assert networkd.holds({NETWORK: content or b""}, DEVICE) == {ip("192.0.2.1")}


def test_windows_line_ends_and_a_missing_last_one() -> None:
    windows = NETWORKD.replace(b"\n", b"\r\n").rstrip()
    (content,) = networkd.remove({NETWORK: windows}, DEVICE, [SERVICE]).values()
    assert content == windows.replace(b"Address = 192.0.2.10/24\r\n", b"")


def test_a_file_for_several_devices_gets_no_address() -> None:
    broad = NETWORKD.replace(b"Name=ens3", b"Name=en*")
    with pytest.raises(NotUnderstood, match="isn't for ens3 alone"):
        networkd.add({NETWORK: broad}, DEVICE, [SPARE])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (NETWORKD.replace(b"Address = 192.0.2.10/24\n", b"DHCP=yes\n"), "isn't written"),
        (NETWORKD + b"Address=\n", "isn't one"),
        (NETWORKD + b"[Route]\nGateway=192.0.2.1\nPreferredSource=192.0.2.10\n", "needs"),
        (NETWORKD.replace(b"Address=192.0.2.100/24\n", b""), "keeps a gateway"),
    ],
)
def test_what_would_have_to_be_guessed_at_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(NotUnderstood, match=said):
        networkd.remove({NETWORK: content}, DEVICE, [SERVICE])


def test_a_file_that_a_program_writes_is_left_alone() -> None:
    generated = {"/run/systemd/network/10-ens3.network": NETWORKD}
    for edit in (networkd.add, networkd.remove):
        with pytest.raises(NotUnderstood, match="a program writes"):
            edit(generated, DEVICE, [SPARE if edit is networkd.add else SERVICE])
