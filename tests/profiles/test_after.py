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
from transhume.profiles.bluemind.after import Firewall, Maps, Networks, Tick

MAPS = ("/etc/postfix/transport", "/etc/postfix/gone")
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
        for step in (Firewall(), Tick())
        for change in step.run(servers())
        for command in change.act.commands()
    ]
    assert typed == ["bm-cli maintenance update-fw", "bm-cli tick reconfigure"]
