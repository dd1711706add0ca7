"""Rows 18 to 21: done is when the files are new, not when a call returned."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.contract.machines import TOKEN, servers
from tests.fakes import FakeHost
from transhume.core.change import Await, Run, leaves
from transhume.core.finding import Finding, Proof
from transhume.core.host import Output, Pair
from transhume.profiles.bluemind.after import Firewall, Maps, Networks, Tick, prove_firewall
from transhume.profiles.bluemind.layout import load

MAPS = ("/etc/postfix/transport", "/etc/postfix/gone")
PLACES = load("bluemind-5").address
STEP = Maps(MAPS, 8090, "/etc/bm/bm-core.tok", False)


def _acts() -> list[Run | Await]:
    (change,) = STEP.run(servers())
    return [act for act in leaves(change.act) if isinstance(act, Run | Await)]


def test_the_text_and_the_index_of_each_map_that_is_there_are_awaited() -> None:
    *_, wait = _acts()
    assert isinstance(wait, Await)
    assert wait.argv[-2:] == ("/etc/postfix/transport-flat", "/etc/postfix/transport.db")
    assert not any("gone" in word for word in wait.argv)


def test_the_token_stands_in_no_command() -> None:
    assert all(TOKEN not in " ".join(act.argv) for act in _acts())


@pytest.mark.programs("sh", "curl", faked=True)
def test_the_core_gets_the_token_where_no_other_process_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "curl").write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/typed; cat >{tmp_path}/in\n')
    (tmp_path / "curl").chmod(0o755)
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    argv = _acts()[1].argv
    subprocess.run((*argv[:-1], str(tmp_path / "token")), check=True)
    assert (tmp_path / "in").read_text() == f'header = "X-BM-ApiKey: {TOKEN}"\n'
    typed = (tmp_path / "typed").read_text().split()
    assert typed[-1] == "http://127.0.0.1:8090/api/system/maildelivery/mgmt/_repair"
    assert TOKEN not in typed


def _firewalls(there: str, here: str, additional: str) -> Pair:
    pair = servers()
    for host, sender in ((pair.source, there), (pair.target, here)):
        assert isinstance(host, FakeHost)
        host.held["bj select ip from t_server union all"] = [("192.0.2.10",), (additional,)]
        host.said["iptables -S"] = "".join(f"-A x -s {each} -j y\n" for each in sender.split())
    return pair


def test_the_rules_are_awaited_that_the_source_has_for_its_servers() -> None:
    there = "192.0.2.10/32 10.1.0.0/16 203.0.113.9/32"
    pair = _firewalls(there, "", "10.1.2.3/16, 198.51.100.7 nonsense")
    _, wait = Firewall().run(pair)
    assert isinstance(wait.act, Await)
    # The stranger's was another program's, the last additional one isn't in force there either.
    assert wait.act.argv[-2:] == ("10.1.0.0/16", "192.0.2.10/32")


def test_a_rule_that_is_missing_is_told() -> None:
    pair = _firewalls("192.0.2.10/32 10.1.0.0/16", "192.0.2.10/32", "10.1.0.0/16")
    (found,) = Firewall().verify(pair)
    assert found.seen == "the firewall's rules don't name 10.1.0.0/16, which the source's do"


def test_where_the_source_has_no_rules_nothing_is_awaited() -> None:
    pair = _firewalls("", "192.0.2.10/32", "")
    assert [change.title for change in Firewall().run(pair)] == ["regenerate"]
    assert list(Firewall().verify(pair)) == []


@pytest.mark.parametrize(
    ("there", "here", "differing"),
    [
        ("192.0.2.10/32 10.1.0.0/16", "192.0.2.10/32 10.1.0.0/16", ()),
        (
            "192.0.2.10/32 10.1.0.0/16",
            "192.0.2.10/32",
            ("its rules don't name 10.1.0.0/16, which the source's do",),
        ),
        # A firewall may be gone with the services that were stopped.
        ("", "192.0.2.10/32", ()),
    ],
)
def test_the_firewall_is_proved_by_the_rules_that_are_loaded(
    there: str, here: str, differing: tuple[str, ...]
) -> None:
    (proof,) = prove_firewall(_firewalls(there, here, "10.1.0.0/16"))
    assert proof.differing == differing
    assert proof.whole is not bool(differing)


_RULES = {"/etc/bm-iptables/rules.sh": b"$IPTABLES -A bluemind -s 192.0.2.10 -j ACCEPT\n"}


@pytest.mark.parametrize(
    ("files", "state", "usable", "demanded"),
    [
        (_RULES, "active", True, True),
        (_RULES, "failed", True, True),
        # Switched off by BlueMind's file, by systemd, without a program; another firewall's.
        ({**_RULES, "/etc/bm/bm-iptables.disabled": b""}, "active", True, False),
        (_RULES, "inactive", True, False),
        (_RULES, "failed", False, False),
        ({}, "active", True, False),
    ],
)
def test_without_any_rules_the_firewall_is_no_pass_where_there_were_to_be_some(
    files: dict[str, bytes], state: str, usable: bool, demanded: bool
) -> None:
    pair = _firewalls("", "", "")
    assert isinstance(pair.source, FakeHost)
    assert isinstance(pair.target, FakeHost)
    pair.source.files |= files
    pair.target.said["systemctl is-active bm-iptables.service"] = f"{state}\n"
    if not usable:
        pair.source.said["iptables -S"] = Output(127, b"", b"")
    assert [str(proof) for proof in prove_firewall(pair)] == (
        ["firewall: nothing to compare"] if demanded else []
    )


_TELEGRAF = "/etc/telegraf/telegraf.d/bm-output.conf"
_UPSTREAM = "/etc/bm-tick/upstream.conf"


@pytest.mark.parametrize("becomes", [None, "192.0.2.20"])
def test_the_monitoring_must_name_the_servers_address(becomes: str | None) -> None:
    pair = servers()
    for host, address in ((pair.source, "192.0.2.10"), (pair.target, becomes or "192.0.2.10")):
        assert isinstance(host, FakeHost)
        host.files |= {path: address.encode() for path in (_TELEGRAF, _UPSTREAM)}
        host.held["bj select ip from t_server"] = [(address,)]
    (proof,) = Tick(becomes, PLACES).verify(pair)
    assert (proof.compared, proof.whole) == (3, True)
    assert isinstance(pair.target, FakeHost)
    pair.target.said["stat"] = "1000\n"
    pair.target.files[_TELEGRAF] = b"192.0.2.99"
    del pair.target.files[_UPSTREAM]
    now = becomes or "192.0.2.10"
    (proof,) = Tick(becomes, PLACES).verify(pair)
    assert proof.differing == tuple(
        f"{path}: doesn't name {now}" for path in (_UPSTREAM, _TELEGRAF)
    )


@pytest.mark.programs("sh")
@pytest.mark.parametrize(("ages", "status"), [((9, 9), 0), ((9, 0), 1), ((0, 0), 1)])
def test_every_file_must_be_newer_than_the_question(
    tmp_path: Path, ages: tuple[int, int], status: int
) -> None:
    *_, wait = _acts()
    paths = [tmp_path / name for name in ("stamp", "flat", "db")]
    for path, age in zip(paths, (5, *ages), strict=True):
        path.write_text("")
        os.utime(path, (age, age))
    argv = (*wait.argv[:3], *map(str, paths))
    assert subprocess.run(argv, check=False).returncode == status


def test_the_maps_must_answer_as_the_sources_texts_say() -> None:
    pair = servers()
    proofs = [item for item in STEP.verify(pair) if isinstance(item, Proof)]
    assert [(proof.part, proof.whole) for proof in proofs] == [("/etc/postfix/transport", True)]
    assert isinstance(pair.target, FakeHost)
    pair.target.said["postmap -s"] = "other\tx\n"
    (proof,) = [item for item in STEP.verify(pair) if isinstance(item, Proof)]
    assert not proof.whole


def test_settings_that_differ_are_told() -> None:
    pair = servers()
    assert list(Networks().verify(pair)) == []
    assert isinstance(pair.target, FakeHost)
    pair.target.held["bj select configuration::text"] = [("mynetworks=>10.0.0.0/8",)]
    (found,) = Networks().verify(pair)
    assert isinstance(found, Finding)
    assert (found.key, found.severity) == ("settings-differ", "blocks")


def test_the_rest_is_asked_of_the_core_itself() -> None:
    typed = [
        str(command)
        for step in (Firewall(), Tick(None, PLACES))
        for change in list(step.run(servers()))[:1]
        for command in change.act.commands()
    ]
    assert typed == ["bm-cli maintenance update-fw", "bm-cli tick reconfigure"]
