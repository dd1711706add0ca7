"""Tests of the packets that tell and ask whose an address is."""

from __future__ import annotations

import ast
import ipaddress
from pathlib import Path

from transhume.steps.network import announce

CARD = bytes.fromhex("020000000010")
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


def test_the_script_runs_on_the_oldest_python_that_a_source_may_have() -> None:
    ast.parse(Path(announce.__file__).read_text(), feature_version=(3, 6))
