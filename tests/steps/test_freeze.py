"""Mail is stopped once what is under way has arrived: its script, with programs that only note."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes import FakeHost
from transhume.core.change import Act, Carry, Keep, Never
from transhume.steps.freeze import closed_for_good, stopped_mail
from transhume.steps.queue import SPOOL

pytestmark = pytest.mark.programs("sh", "systemctl", "lmtp", "smtp", faked=True)
_NOTE = '#!/bin/sh\necho "${0##*/} $*" >> FOLDER/noted\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs first on the path, and a queue with one message that nobody is delivering.

    The third look at the clock finds the incoming one taken.
    """
    programs, arrives = tmp_path / "bin", "rm -f FOLDER/incoming/B4888E2239"
    for queue in ("incoming", "active", "deferred", "bin"):
        (tmp_path / queue).mkdir()
    for message in ("incoming/B4888E2239", "active/A0A6214180", "deferred/C7D3EE1DD1"):
        (tmp_path / message).touch()
    texts = {
        "sleep": f'test "$(grep -c sleep FOLDER/noted)" -lt 3 || {arrives}\n',
        "nft": 'cat >> FOLDER/rules; case "$*" in delete*) exit 1;; esac\n',
        "ss": "cat FOLDER/connections\n",
        "systemctl": "exit 0\n",
    }
    for name, text in texts.items():
        (programs / name).write_text(f"{_NOTE}{text}".replace("FOLDER", str(tmp_path)))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return tmp_path


@contextmanager
def _delivery(folder: Path, agent: str, *, reached: bool) -> Iterator[None]:
    """A program of that name that has the active message open, and a receiver or none."""
    program = folder / agent
    shutil.copy("/usr/bin/tail", program)
    with (folder / "active" / "A0A6214180").open() as message:
        running = subprocess.Popen((program, "-f", "/dev/null"), stdin=message)
    there = f'users:(("{agent}",pid={running.pid},fd=13))\n' if reached else ""
    (folder / "connections").write_text(f'users:(("sshd",pid=1,fd=3))\n{there}')
    try:
        yield
    finally:
        running.kill()
        running.wait()


def _run(folder: Path, act: Act | Keep | Never) -> tuple[int, list[str]]:
    """The status, and what was typed: each program with its first two words, a pause but once."""
    assert not isinstance(act, Keep | Never)
    status = 0
    for command in act.commands():
        argv = [str(folder) if word == SPOOL else word for word in command.argv]
        status = status or subprocess.run(argv, check=False, stdin=subprocess.DEVNULL).returncode
    typed = [" ".join(line.split()[:3]) for line in (folder / "noted").read_text().splitlines()]
    return status, [line for at, line in enumerate(typed) if line != typed[at - 1] or not at]


def _looks(folder: Path) -> int:
    """How often it was looked whether all has arrived."""
    _, typed = _run(folder, stopped_mail("source", "postfix.service").act)
    assert "systemctl stop postfix.service" in typed
    return (folder / "noted").read_text().count("sleep")


def test_nobody_new_is_let_in_and_what_is_under_way_arrives(folder: Path) -> None:
    status, typed = _run(folder, stopped_mail("source", "postfix.service").act)
    assert status == 0
    assert not (folder / "incoming" / "B4888E2239").exists()
    assert typed == [
        "nft delete table",
        "nft -f -",
        "sleep 0.05",
        "systemctl stop postfix.service",
    ]
    given = (folder / "rules").read_text()
    assert "tcp dport 25 tcp flags & (fin|syn|rst|ack) == syn drop" in given
    assert "dport { 465, 587 }" in given


def test_nobody_is_let_in_before_the_door_is_closed(folder: Path) -> None:
    asked = "nft list table inet transhume_freeze"
    assert list(closed_for_good(FakeHost("source", said={asked: 1}))) == []
    (change,) = closed_for_good(FakeHost("source", said={asked: "table inet"}))
    assert "nft delete table inet transhume_freeze" in str(change.act)
    assert not isinstance(change.back, Keep | Never | Carry)
    status, typed = _run(folder, change.back)
    assert (status, typed) == (0, ["nft delete table", "nft -f -"])


def test_what_nobody_delivers_isnt_waited_for(folder: Path) -> None:
    assert _looks(folder) == 3 + 2


@pytest.mark.parametrize(
    ("agent", "reached", "looks"), [("lmtp", False, 40), ("smtp", True, 40), ("smtp", False, 5)]
)
def test_a_delivery_is_waited_for_but_not_a_receiver_that_cant_be_reached(
    folder: Path, agent: str, *, reached: bool, looks: int
) -> None:
    with _delivery(folder, agent, reached=reached):
        assert _looks(folder) == looks


def test_a_sender_that_takes_its_time_isnt_waited_for(folder: Path) -> None:
    (folder / "incoming" / "held").touch()
    assert _looks(folder) == 40


def test_the_way_back_lets_people_in_whatever_was_killed(folder: Path) -> None:
    back = stopped_mail("source", "postfix.service").back
    assert not isinstance(back, Keep | Never | Carry)
    _, typed = _run(folder, back)
    assert typed == ["systemctl start postfix.service", "nft delete table"]
