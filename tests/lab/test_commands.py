"""The command line's words, as far as they can be read without a machine."""

from __future__ import annotations

import pytest

from lab.__main__ import execute, parser


def test_a_command_for_a_machine_keeps_its_own_options() -> None:
    wanted = parser().parse_args(["exec", "demo", "target", "--", "ls", "-la", "--", "/"])

    assert wanted.handler is execute
    assert wanted.argv[-4:] == ["ls", "-la", "--", "/"]


def test_a_pair_is_debian_11_to_13_unless_told_otherwise() -> None:
    wanted = parser().parse_args(["up", "demo"])

    assert (wanted.source, wanted.target) == ("bullseye", "trixie")
    assert (wanted.source_network, wanted.target_network) == ("ifupdown", "networkd")


@pytest.mark.parametrize("act", ["boot", "reboot", "poweroff", "kill"])
def test_each_way_of_switching_is_a_command(act: str) -> None:
    assert parser().parse_args([act, "demo", "source"]).act == act
