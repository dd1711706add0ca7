"""Tests of the packets that tell and ask whose an address is."""

from __future__ import annotations

import ast
import ipaddress
import select
import socket
from pathlib import Path

import pytest

from transhume.steps.network import announce

CARD = bytes.fromhex("020000000010")
OTHER = bytes.fromhex("020000000099")
ADDRESS = ipaddress.ip_address("192.0.2.10").packed


def test_a_gratuitous_request_names_the_address_twice() -> None:
    packet = announce.frame(CARD, announce.REQUEST, ADDRESS, ADDRESS)
    assert packet[:14] == announce.EVERYONE + CARD + b"\x08\x06"
    assert packet[14:22] == b"\x00\x01\x08\x00\x06\x04\x00\x01"
    assert packet[22:] == CARD + ADDRESS + announce.NOBODY + ADDRESS


def test_a_probe_names_no_sender_so_that_nobody_learns_from_it() -> None:
    packet = announce.frame(CARD, announce.REQUEST, announce.EMPTY, ADDRESS)
    assert packet[28:32] == bytes(4)
    assert packet[38:] == ADDRESS


ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t00000000\t0100000A\t0003\t0\t0\t9\t00000000\t0\t0\t0
"""


def test_a_gateway_is_found_by_its_device() -> None:
    assert announce.gateways("eth0", ROUTES) == [ipaddress.ip_address("192.0.2.1").packed]
    assert announce.gateways("eth1", ROUTES) == [ipaddress.ip_address("10.0.0.1").packed]
    assert announce.gateways("eth2", ROUTES) == []


@pytest.mark.parametrize(
    ("cable", "routes", "answering", "status"),
    [
        (True, ROUTES, ["192.0.2.1"], 0),
        (True, "", [], 0),
        (True, ROUTES, ["192.0.2.1", "192.0.2.10"], announce.TAKEN),
        (True, "", ["192.0.2.10"], announce.TAKEN),
        (True, ROUTES, [], announce.ALONE),
        (False, ROUTES, ["192.0.2.1"], announce.ALONE),
        (False, "", [], announce.ALONE),
    ],
)
def test_who_hears_nobody_knows_nothing_of_an_address(
    monkeypatch: pytest.MonkeyPatch,
    cable: bool,
    routes: str,
    answering: list[str],
    status: int,
) -> None:
    """With its cable out a machine would take what another one holds."""

    def holder(
        device: str, addresses: list[bytes], sender: bytes = announce.EMPTY
    ) -> tuple[bytes, bytes]:
        known = [each for each in addresses if str(ipaddress.ip_address(each)) in answering]
        return (known[0], CARD) if known else (b"", b"")

    monkeypatch.setattr(announce, "holder", holder)
    monkeypatch.setattr(announce, "linked", lambda device: cable)
    monkeypatch.setattr(announce, "own_address", lambda device: announce.EMPTY)
    monkeypatch.setattr(announce, "known_routes", lambda: routes)
    assert announce.main("free", "eth0", "192.0.2.10", "2001:db8::10") == status


def test_the_script_runs_on_the_oldest_python_that_a_source_may_have() -> None:
    ast.parse(Path(announce.__file__).read_text(), feature_version=(3, 6))


class Wire:
    """Stands for the network: answers what it is told to, once all have been asked."""

    def __init__(self, *answers: bytes) -> None:
        self.sent: list[bytes] = []
        self.answers = list(answers)

    def __call__(self, *_: object) -> Wire:
        return self

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        """It stays."""

    def bind(self, _: object) -> None:
        """To any device."""

    def send(self, packet: bytes) -> None:
        """Note it."""
        self.sent.append(packet)

    def recv(self, _: int) -> bytes:
        """The next answer."""
        return self.answers.pop(0)

    def select(self, reading: list[Wire], *_: object) -> tuple[list[Wire], ...]:
        """Whether there is one; nobody waits."""
        return ([each for each in reading if each.answers], [], [])


def _probe(monkeypatch: pytest.MonkeyPatch, wire: Wire, *addresses: str) -> int:
    monkeypatch.setattr(socket, "socket", wire)
    monkeypatch.setattr(select, "select", wire.select)
    monkeypatch.setattr(announce, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(announce, "card", lambda device: CARD)
    return announce.main("probe", "ens3", *addresses)


def _reply(card: bytes, address: str) -> bytes:
    return announce.frame(card, announce.REPLY, ipaddress.ip_address(address).packed, ADDRESS)


def test_all_addresses_are_asked_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(_reply(CARD, "192.0.2.11"), _reply(OTHER, "192.0.2.99"))
    assert _probe(monkeypatch, wire, "192.0.2.10", "192.0.2.11", "2001:db8::10") == 0
    asked = [str(ipaddress.ip_address(packet[38:])) for packet in wire.sent]
    assert asked == ["192.0.2.10", "192.0.2.11"] * announce.ROUNDS


def test_whoever_answers_for_any_of_them_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wire = Wire(_reply(OTHER, "192.0.2.11"))
    assert _probe(monkeypatch, wire, "192.0.2.10", "192.0.2.11") == announce.TAKEN
    assert capsys.readouterr().err == (
        "192.0.2.11 is held by the machine with the card 02:00:00:00:00:99\n"
    )


def test_of_ipv6_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    assert _probe(monkeypatch, wire, "2001:db8::10") == 0
    assert wire.sent == []
