"""The key of the move: gone from both machines at its end, and no other with it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.fakes import FakeHost
from transhume.core.change import KEY, RemoveFile, Run, Series
from transhume.core.host import Pair
from transhume.errors import Unreachable
from transhume.steps.key import ForgetKey, UseKey

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAI+own/key=="
STEP = ForgetKey()


def _pair(**said: object) -> Pair:
    target = FakeHost(
        "target", files={KEY: b"secret", f"{KEY}.pub": f"ssh-ed25519 {BLOB} x".encode()}
    )
    source = FakeHost("source", said={"id -u": "0\n"})
    return Pair(source, target)


def _script() -> tuple[str, ...]:
    first = next(iter(STEP.run(_pair()))).act
    assert isinstance(first, Run)
    assert first.place == "source"
    return first.argv


def test_it_goes_on_the_source_first() -> None:
    changes = list(STEP.run(_pair()))
    assert [change.places() for change in changes] == [{"source"}, {"target"}]
    remove = (RemoveFile("target", KEY), RemoveFile("target", f"{KEY}.pub"))
    assert changes[1].act == Series(remove)
    assert [finding.key for finding in STEP.verify(_pair())] == ["left-over"]


@pytest.mark.programs("sh")
@pytest.mark.parametrize("reached", [True, False])
def test_on_the_way_back_it_is_the_last_to_go_from_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reached: bool
) -> None:
    here, listed, program = (tmp_path / name for name in ("id", ".ssh/authorized_keys", "bin/ssh"))
    for path in (listed, program):
        path.parent.mkdir()
    here.write_text("secret")
    Path(f"{here}.pub").write_text(f"ssh-ed25519 {BLOB} x\n")
    listed.write_text(f"ssh-rsa AAAA c\nrestrict ssh-ed25519 {BLOB} x\n")
    # The line to the source: its shell gets the words after --.
    answers = 'while test "$1" != --; do shift; done; shift; exec sh -c "$*"'
    program.write_text(f"#!/bin/sh\n{answers if reached else 'exit 255'}\n")
    program.chmod(0o755)
    (change,) = UseKey().run(_pair())
    assert isinstance(change.back, Run)
    typed = [word.replace(KEY, str(here)) for word in change.back.argv]
    search = {**os.environ, "HOME": str(tmp_path), "PATH": f"{program.parent}:{os.environ['PATH']}"}
    done = subprocess.run(typed, env=search, check=False)
    assert (done.returncode == 0) == reached
    assert (BLOB in listed.read_text()) == (not reached)
    assert here.exists() == Path(f"{here}.pub").exists() == (not reached)
    assert "ssh-rsa AAAA c\n" in listed.read_text()


@pytest.mark.programs("sh")
@pytest.mark.parametrize("public", [None, "ssh-ed25519 AAAAnew x\n"])
def test_a_second_way_back_leaves_the_source_and_another_key_alone(
    tmp_path: Path, public: str | None
) -> None:
    """Killed after the key went, before that was written down."""
    here, program = tmp_path / "id", tmp_path / "ssh"
    if public is not None:
        here.write_text("secret")
        Path(f"{here}.pub").write_text(public)
    program.write_text("#!/bin/sh\nexit 255\n")
    program.chmod(0o755)
    (change,) = UseKey().run(_pair())
    assert isinstance(change.back, Run)
    typed = [word.replace(KEY, str(here)) for word in change.back.argv]
    search = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert subprocess.run(typed, env=search, check=False).returncode == 0
    assert here.exists() == (public is not None)


def test_without_a_key_nothing_is_done() -> None:
    nobody = Pair(FakeHost("source"), FakeHost("target"))
    assert list(UseKey().run(nobody)) == []
    assert list(STEP.run(nobody)) == []
    assert list(STEP.verify(nobody)) == []


def test_a_key_that_opens_nothing_any_more_goes_here_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run that was killed between the two."""

    def refused(self: FakeHost, *argv: str) -> None:
        raise Unreachable("Permission denied (publickey)")

    pair = _pair()
    monkeypatch.setattr(FakeHost, "ask", refused)
    (change,) = STEP.run(pair)
    assert change.places() == {"target"}


@pytest.mark.programs("sh")
@pytest.mark.parametrize(
    "before", ["", "ssh-rsa AAAAother b\n", "# note\n\nssh-rsa AAAAI+own/ c\n"]
)
@pytest.mark.parametrize("options", ["", 'restrict,from="192.0.2.20" '])
def test_its_line_goes_and_no_other(tmp_path: Path, before: str, options: str) -> None:
    listed = tmp_path / ".ssh/authorized_keys"
    listed.parent.mkdir()
    listed.write_text(f"{before}{options}ssh-ed25519 {BLOB} transhume@new\n")
    listed.chmod(0o640)
    for _ in range(2):
        subprocess.run(_script(), env={**os.environ, "HOME": str(tmp_path)}, check=True)
        assert listed.read_text() == before
    assert listed.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in listed.parent.iterdir()] == ["authorized_keys"]


@pytest.mark.programs("sh")
def test_where_nobody_has_a_key_nothing_is_made(tmp_path: Path) -> None:
    subprocess.run(_script(), env={**os.environ, "HOME": str(tmp_path)}, check=True)
    assert list(tmp_path.iterdir()) == []
