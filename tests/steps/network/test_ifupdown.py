"""Tests of editing /etc/network/interfaces."""

from __future__ import annotations

import pytest

from tests.steps.network.samples import (
    DEVICE,
    IFUPDOWN,
    IFUPDOWN_LABEL,
    IFUPDOWN_MASK,
    INTERFACES,
    SERVICE,
    SERVICE6,
    SPARE,
    SPARE6,
    addresses,
)
from transhume.steps.network import ifupdown
from transhume.steps.network.edit import Files, NotUnderstood, applied


def _with(content: bytes) -> Files:
    return {INTERFACES: content}


def _after(files: Files, gone: tuple[str, ...], come: tuple[str, ...] = ()) -> bytes:
    files = applied(files, ifupdown.add(files, DEVICE, addresses(*come)))
    return applied(files, ifupdown.remove(files, DEVICE, addresses(*gone)))[INTERFACES]


def test_an_added_address_gets_a_stanza_after_the_last_one_in_the_same_style() -> None:
    edits = ifupdown.add(_with(IFUPDOWN), DEVICE, [SPARE])
    assert edits == {INTERFACES: IFUPDOWN + b"\niface ens3 inet static\n\taddress 192.0.2.11/24\n"}


def test_what_is_there_already_is_not_added_again() -> None:
    assert ifupdown.add(_with(IFUPDOWN_MASK), DEVICE, [SERVICE, SERVICE6]) == {}


def test_a_line_without_end_gets_one_before_something_is_added() -> None:
    (content,) = ifupdown.add(_with(IFUPDOWN_MASK), DEVICE, [SPARE6]).values()
    assert content == IFUPDOWN_MASK + (
        b"\n\niface ens3 inet6 static\n    address 2001:db8::11/64\n"
    )


def test_a_machine_that_configures_ipv6_by_itself_goes_on_doing_so() -> None:
    files = _with(b"iface ens3 inet static\n  address 192.0.2.5/24\niface ens3 inet6 auto\n")
    (content,) = ifupdown.add(files, DEVICE, [SPARE6]).values()
    assert content is not None
    assert content.endswith(b"inet6 static\n    address 2001:db8::11/64\n    autoconf 1\n")


def test_the_maintenance_address_takes_the_place_with_gateway_and_name_servers() -> None:
    gone, come = ("192.0.2.10/24", "2001:db8::10/64"), ("192.0.2.11/24", "2001:db8::11/64")
    expected = IFUPDOWN.replace(b"\taddress 192.0.2.10/24", b"\taddress 192.0.2.11/24")
    expected = expected.replace(b"\taddress 2001:db8::10/64", b"\taddress 2001:db8::11/64")
    assert _after(_with(IFUPDOWN), gone, come) == expected


def test_the_form_with_a_mask_keeps_its_form() -> None:
    expected = IFUPDOWN_MASK.replace(b"address 192.0.2.10", b"address 192.0.2.11")
    assert _after(_with(IFUPDOWN_MASK), ("192.0.2.10/24",), ("192.0.2.11/24",)) == expected + b"\n"


def test_a_stanza_of_the_address_alone_leaves_the_added_one() -> None:
    former = b"iface ens3 inet6 static\n    address 2001:0DB8:0:0::0010\n    netmask 64"
    added = b"\niface ens3 inet6 static\n    address 2001:db8::11/64\n"
    expected = IFUPDOWN_MASK.replace(former, added)
    gone, come = ("2001:db8::10/64",), ("2001:db8::11/64",)
    assert _after(_with(IFUPDOWN_MASK), gone, come) == expected


def test_an_address_of_another_network_brings_its_own_mask() -> None:
    plain = b"iface ens3 inet static\n address 192.0.2.10\n netmask 255.255.255.0\n mtu 1400\n"
    assert _after(_with(plain), ("192.0.2.10/24",), ("198.51.100.7/28",)) == (
        b"iface ens3 inet static\n address 198.51.100.7/28\n mtu 1400\n"
    )


def test_a_label_keeps_its_name_so_that_auto_names_something() -> None:
    expected = IFUPDOWN_LABEL.replace(b"iface ens3:1 inet static", b"iface ens3:1 inet manual")
    expected = expected.replace(b"    address 192.0.2.10\n    netmask 255.255.255.0\n", b"")
    assert _after(_with(IFUPDOWN_LABEL), ("192.0.2.10/24",)) == expected


def test_a_stanza_of_its_own_goes_as_a_whole() -> None:
    two = IFUPDOWN + b"\niface ens3 inet static\n\taddress 192.0.2.77/24\n\tnetmask 24\n"
    assert _after(_with(two), ("192.0.2.77/24",)) == IFUPDOWN


def test_windows_line_ends_stay() -> None:
    windows = IFUPDOWN.replace(b"\n", b"\r\n")
    assert _after(_with(windows), ("192.0.2.10/24",), ("192.0.2.11/24",)) == windows.replace(
        b"\taddress 192.0.2.10/24", b"\taddress 192.0.2.11/24"
    )


def test_a_sourced_file_is_the_one_that_is_edited() -> None:
    part = "/etc/network/interfaces.d/mail"
    files = {
        INTERFACES: b"source interfaces.d/*\niface lo inet loopback\n",
        part: IFUPDOWN,
        "/etc/network/interfaces.d/.mail.swp": IFUPDOWN,
        "/etc/network/old/interfaces": IFUPDOWN,
    }
    assert list(ifupdown.add(files, DEVICE, [SPARE])) == [part]
    assert SERVICE.ip in ifupdown.holds(files, DEVICE)


def test_a_gateway_without_an_address_is_refused() -> None:
    with pytest.raises(NotUnderstood, match="keeps a gateway") as error:
        _after(_with(IFUPDOWN), ("192.0.2.10/24",))
    assert "maintenance" in error.value.remedy


def test_a_spare_address_elsewhere_doesnt_serve_the_gateway() -> None:
    with pytest.raises(NotUnderstood, match="keeps a gateway"):
        _after(_with(IFUPDOWN), ("192.0.2.10/24",), ("198.51.100.7/24",))


def test_a_device_of_this_address_alone_keeps_its_name() -> None:
    plain = b"auto ens3\niface ens3 inet static\n  address 192.0.2.10/24\n  mtu 1400\n"
    assert _after(_with(plain), ("192.0.2.10/24",)) == (
        b"auto ens3\niface ens3 inet manual\n  mtu 1400\n"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (IFUPDOWN.replace(b"ens3", b"ens4"), "no iface stanza"),
        (b"iface ens3 inet dhcp\n", "isn't written"),
        (IFUPDOWN + b"\tup ip route add 10.0.0.0/8 via 192.0.2.1 src 192.0.2.10\n", "needs"),
        (IFUPDOWN_MASK + b"\nauto ens3=office\n", "chosen when it comes up"),
        (b"mapping en*\n script /bin/choose\n" + IFUPDOWN, "chosen when it comes up"),
        (b"source /srv/network/*\n" + IFUPDOWN, "outside"),
        (IFUPDOWN + b"iface ens3 inet static\n  address 192.0.2.10/24\n", "2 stanzas"),
    ],
)
def test_what_would_have_to_be_guessed_at_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(NotUnderstood, match=said):
        _after(_with(content), ("192.0.2.10/24",), ("192.0.2.11/24",) if b"inet " else ())
