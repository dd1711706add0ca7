"""Tests of editing NetworkManager's keyfiles."""

from __future__ import annotations

import pytest

from tests.steps.network.samples import (
    DEVICE,
    KEYFILE,
    PROFILE,
    SERVICE,
    SERVICE6,
    SPARE,
    SPARE6,
    addresses,
)
from transhume.steps.network import networkmanager
from transhume.steps.network.edit import NotUnderstood, applied, ip


def _after(content: bytes, gone: tuple[str, ...], come: tuple[str, ...] = ()) -> bytes:
    files = {PROFILE: content}
    files = applied(files, networkmanager.add(files, DEVICE, addresses(*come)))
    return applied(files, networkmanager.remove(files, DEVICE, addresses(*gone)))[PROFILE]


def test_an_added_address_gets_the_next_number() -> None:
    (content,) = networkmanager.add({PROFILE: KEYFILE}, DEVICE, [SERVICE, SPARE, SPARE6]).values()
    expected = KEYFILE.replace(
        b"address2=192.0.2.100/24\n", b"address2=192.0.2.100/24\naddress3=192.0.2.11/24\n"
    )
    assert content == expected.replace(
        b"address1=2001:DB8::0010/64\n",
        b"address1=2001:DB8::0010/64\naddress2=2001:db8::11/64\n",
    )


def test_a_family_that_was_off_is_switched_on() -> None:
    off = b"[connection]\nuuid=1\n\n[ipv4]\nmethod=disabled\n\n[ipv6]\nmethod=ignore\n"
    (content,) = networkmanager.add({PROFILE: off}, DEVICE, [SPARE, SPARE6]).values()
    assert content == (
        b"[connection]\nuuid=1\n\n[ipv4]\naddress1=192.0.2.11/24\nmethod=manual\n\n"
        b"[ipv6]\naddress1=2001:db8::11/64\nmethod=manual\n"
    )


def test_a_missing_section_stays_automatic() -> None:
    (content,) = networkmanager.add({PROFILE: b"[connection]\nuuid=1"}, DEVICE, [SPARE6]).values()
    assert content == b"[connection]\nuuid=1\n\n[ipv6]\naddress1=2001:db8::11/64\nmethod=auto\n"


def test_dhcp_goes_on_beside_an_added_address() -> None:
    dhcp = b"[ipv4]\nmethod=auto\n"
    (content,) = networkmanager.add({PROFILE: dhcp}, DEVICE, [SPARE]).values()
    assert content == b"[ipv4]\naddress1=192.0.2.11/24\nmethod=auto\n"


def test_the_gateway_goes_to_an_address_of_its_network_that_stays() -> None:
    expected = KEYFILE.replace(b"\naddress1=192.0.2.10/24,192.0.2.1", b"")
    expected = expected.replace(b"192.0.2.100/24", b"192.0.2.100/24,192.0.2.1")
    assert _after(KEYFILE, ("192.0.2.10/24",)) == expected


@pytest.mark.parametrize(
    "line",
    [
        b"address1=192.0.2.10/24",
        b"address1=192.0.2.10;24;192.0.2.1;",
        b"addresses1=192.0.2.10;24;0.0.0.0;",
        b"address1 = 192.0.2.10/24 , 192.0.2.1",
    ],
)
def test_the_last_address_switches_the_family_off(line: bytes) -> None:
    profile = b"[ipv4]\n" + line + b"\nmethod=manual\n"
    if b"192.0.2.1\n" in profile or b"192.0.2.1;" in profile:
        with pytest.raises(NotUnderstood, match="keeps a gateway"):
            _after(profile, ("192.0.2.10/24",))
        return
    if b"0.0.0.0" not in line:
        assert _after(profile, ("192.0.2.10/24",)) == b"[ipv4]\nmethod=disabled\n"


def test_one_of_a_list_goes() -> None:
    profile = b"[ipv4]\naddresses=192.0.2.1/24;192.0.2.10/24;\nmethod=manual\n"
    assert (
        _after(profile, ("192.0.2.10/24",)) == b"[ipv4]\naddresses=192.0.2.1/24;\nmethod=manual\n"
    )


def test_ipv6_without_address_keeps_the_link() -> None:
    profile = b"[ipv6]\r\naddress1=2001:db8::10/64\r\nmethod=manual\r\n"
    assert _after(profile, ("2001:db8::10/64",)) == b"[ipv6]\r\nmethod=link-local\r\n"


@pytest.mark.parametrize(
    ("content", "gone", "said"),
    [
        (KEYFILE, "192.0.2.1/24", "isn't written"),
        (KEYFILE, "2001:db8::10/64", "keeps a gateway"),
        (
            KEYFILE.replace(b"dns=", b"route1_options=src=192.0.2.10\ndns="),
            "192.0.2.10/24",
            "needs",
        ),
        (b"[ipv4]\naddress1=$ADDRESS\n", "192.0.2.10/24", "isn't understood"),
    ],
)
def test_what_would_have_to_be_guessed_at_is_refused(content: bytes, gone: str, said: str) -> None:
    with pytest.raises(NotUnderstood, match=said):
        _after(content, (gone,))


def test_several_profiles_are_refused() -> None:
    with pytest.raises(NotUnderstood, match="2 profiles"):
        networkmanager.remove({PROFILE: KEYFILE, "/other": KEYFILE}, DEVICE, [SERVICE])


def test_the_same_address_in_other_words_is_found() -> None:
    assert networkmanager.holds({PROFILE: KEYFILE}, DEVICE) == {
        ip("192.0.2.10"),
        ip("192.0.2.100"),
        SERVICE6.ip,
    }
