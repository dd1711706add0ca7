"""The door: closed across a reboot, opened last, tidied away at the end."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.contract.machines import servers
from tests.fakes import FakeHost
from transhume.core.change import Never, RemoveFile, WriteFile
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.steps import door
from transhume.steps.door import Close, Open, Ports, Tidy, rules
from transhume.steps.services import mail_held

PORTS = Ports((25, 443), (8022, 9200))
CLOSE = Close(PORTS)


def _target(pair: Pair) -> FakeHost:
    assert isinstance(pair.target, FakeHost)
    return pair.target


def test_the_ports_refuse_everybody_but_this_machine() -> None:
    lines = [line.strip() for line in rules(PORTS).splitlines()]
    refused = lines.index("tcp dport { 25, 443 } reject with tcp reset")
    assert lines.index('iifname "lo" accept') < refused < lines.index("chain output {")
    assert lines.count("type filter hook input priority -10; policy accept;") == 1


def test_the_servers_parts_reach_no_other_machine() -> None:
    """Each other they do: what goes to an address of the machine itself leaves by lo."""
    lines = [line.strip() for line in rules(PORTS).splitlines()]
    inward = lines[lines.index("chain output {") :]
    assert inward[1] == "type filter hook output priority -10; policy accept;"
    assert inward[2] == 'oifname != "lo" tcp dport { 8022, 9200 } reject with tcp reset'


def test_mail_servers_wait_and_whoever_was_in_is_ended() -> None:
    """Only what opens a connection is left unanswered; the rest meets the refusal below it."""
    lines = [line.strip() for line in rules(PORTS).splitlines()]
    waiting = lines.index("tcp dport 25 tcp flags & (fin|syn|rst|ack) == syn drop")
    assert lines.index('iifname "lo" accept') < waiting
    assert waiting < lines.index("tcp dport { 25, 443 } reject with tcp reset")


def test_loading_the_rules_twice_is_loading_them_once() -> None:
    """Declared, deleted, declared: in one file it is one transaction."""
    assert rules(PORTS).startswith("table inet transhume\ndelete table inet transhume\n")


def test_the_door_is_closed_at_a_reboot_before_the_network_is_up() -> None:
    unit = next(
        change.act.content.decode()
        for change in CLOSE.run(servers())
        if isinstance(change.act, WriteFile) and change.act.path.endswith(".service")
    )
    assert "Before=network-pre.target" in unit
    assert "WantedBy=multi-user.target" in unit
    assert "/etc/transhume/closed.nft" in unit


def test_closing_writes_what_is_missing_and_no_more() -> None:
    pair = servers()
    changes = list(CLOSE.run(pair))
    for change in changes:
        if isinstance(change.act, WriteFile):
            assert change.back == RemoveFile("target", change.act.path)
            _target(pair).files[change.act.path] = change.act.content
    assert [change.title for change in CLOSE.run(pair)] == ["close the door"]
    _target(pair).units[door.UNIT] = ("active", "enabled")
    assert list(CLOSE.run(pair)) == []


def test_the_way_back_opens_before_it_removes_the_unit() -> None:
    backs = [change.back for change in reversed(list(CLOSE.run(servers())))]
    assert backs[0] == door.opened("target")
    assert all(isinstance(back, RemoveFile) for back in backs[1:])


def test_a_door_that_isnt_there_is_told() -> None:
    pair = servers()
    assert list(CLOSE.verify(pair)) == []
    _target(pair).said["nft list table"] = 1
    (found,) = CLOSE.verify(pair)
    assert isinstance(found, Finding)
    assert (found.key, found.severity) == ("door-open", "blocks")


def test_mail_runs_before_the_door_opens_and_neither_goes_back() -> None:
    pair = servers()
    _target(pair).units["postfix.service"] = ("inactive", "")
    changes = list(Open("postfix.service").run(pair))
    assert [change.act for change in changes] == [
        mail_held("postfix.service"),
        door.opened("target"),
    ]
    _target(pair).units["postfix.service"] = ("active", "")
    assert [change.act for change in Open("postfix.service").run(pair)] == [door.opened("target")]
    assert all(isinstance(change.back, Never) for change in changes)


@pytest.mark.parametrize(
    ("units", "keys"),
    [
        ({"postfix.service": ("active", "")}, []),
        ({"postfix.service": ("active", ""), door.UNIT: ("active", "")}, ["door-closed"]),
        ({"postfix.service": ("failed", "")}, ["mail-stopped"]),
        ({door.UNIT: ("active", "")}, ["door-closed", "mail-stopped"]),
    ],
)
def test_open_is_open_and_mail_runs(units: dict[str, tuple[str, str]], keys: list[str]) -> None:
    pair = servers()
    _target(pair).units = units
    found = [item for item in Open("postfix.service").verify(pair) if isinstance(item, Finding)]
    assert [item.key for item in found] == keys


@pytest.mark.programs("sh", "sync")
@pytest.mark.parametrize("folders", [("units/multi-user.target.wants",), ("units",)])
def test_an_open_door_is_open_on_the_disk_too(tmp_path: Path, folders: tuple[str, ...]) -> None:
    """Or a power cut would bring it back closed, after the journal says that it is open."""
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    *_, durable = door.opened("target").commands()
    words = [str(tmp_path / "units") if word == door.UNITS else word for word in durable.argv]
    assert str(tmp_path / "units") in words
    assert subprocess.run(words, check=False).returncode == 0
    (tmp_path / "sync").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "sync").chmod(0o755)
    search = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert subprocess.run(words, env=search, check=False).returncode == 1


def test_nothing_of_the_move_is_left_over() -> None:
    pair, tidy = servers(), Tidy(("/var/lib/transhume/dumps",))
    paths = [command.argv[-1] for change in tidy.run(pair) for command in change.act.commands()]
    assert {"/etc/transhume/closed.nft", "/var/lib/transhume/dumps"} <= set(paths)
    assert list(tidy.verify(pair)) == []
    _target(pair).folders.add("/var/lib/transhume/dumps")
    (found,) = tidy.verify(pair)
    assert isinstance(found, Finding)
    assert found.seen == "/var/lib/transhume/dumps is still there"
