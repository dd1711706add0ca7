"""Mail is stopped once what is under way has arrived: its script, with programs that only note."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from transhume.core.change import Act, Carry, Keep, Never
from transhume.steps.freeze import stopped_mail
from transhume.steps.queue import SPOOL

pytestmark = pytest.mark.programs("sh", "systemctl", faked=True)
_NOTE = '#!/bin/sh\necho "${0##*/} $*" >> FOLDER/noted\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs first on the path, and a queue in which one message is under way.

    The third look at the clock finds it delivered.
    """
    programs, arrives = tmp_path / "bin", "rm -f FOLDER/active/B4888E2239"
    for queue in ("incoming", "active", "deferred", "bin"):
        (tmp_path / queue).mkdir()
    (tmp_path / "active" / "B4888E2239").touch()
    (tmp_path / "deferred" / "C7D3EE1DD1").touch()
    texts = {
        "sleep": f'test "$(grep -c sleep FOLDER/noted)" -lt 3 || {arrives}\n',
        "nft": 'cat >> FOLDER/rules; case "$*" in delete*) exit 1;; esac\n',
        "systemctl": "exit 0\n",
    }
    for name, text in texts.items():
        (programs / name).write_text(f"{_NOTE}{text}".replace("FOLDER", str(tmp_path)))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return tmp_path


def _run(folder: Path, act: Act | Keep | Never) -> tuple[int, list[str]]:
    """The status, and what was typed: each program with its first two words, a pause but once."""
    assert not isinstance(act, Keep | Never)
    status = 0
    for command in act.commands():
        argv = [str(folder) if word == SPOOL else word for word in command.argv]
        status = status or subprocess.run(argv, check=False, stdin=subprocess.DEVNULL).returncode
    typed = [" ".join(line.split()[:3]) for line in (folder / "noted").read_text().splitlines()]
    return status, [line for at, line in enumerate(typed) if line != typed[at - 1] or not at]


def test_nobody_new_is_let_in_and_what_is_under_way_arrives(folder: Path) -> None:
    status, typed = _run(folder, stopped_mail("source", "postfix.service").act)
    assert status == 0
    assert not (folder / "active" / "B4888E2239").exists()
    assert typed == [
        "nft delete table",
        "nft -f -",
        "sleep 0.05",
        "systemctl stop postfix.service",
        "nft delete table",
    ]
    assert "dport { 25, 465, 587 }" in (folder / "rules").read_text()


def test_a_slow_receiver_isnt_waited_for(folder: Path) -> None:
    (folder / "incoming" / "held").touch()
    _, typed = _run(folder, stopped_mail("source", "postfix.service").act)
    assert "systemctl stop postfix.service" in typed
    assert (folder / "noted").read_text().count("sleep") == 40


def test_the_way_back_lets_people_in_whatever_was_killed(folder: Path) -> None:
    back = stopped_mail("source", "postfix.service").back
    assert not isinstance(back, Keep | Never | Carry)
    _, typed = _run(folder, back)
    assert typed == ["nft delete table", "systemctl start postfix.service"]
