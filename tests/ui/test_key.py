"""The line that lets the move's own key in."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from transhume.core.host import Output
from transhume.errors import StepFailed, Unreachable
from transhume.hosts.process import Processes
from transhume.ui import key


class _Here:
    """This machine: its addresses are made up, its ssh-keygen is real."""

    def run(self, argv: Sequence[str]) -> Output:
        """Make a key, or show addresses."""
        if argv[0] == "ip":
            held = [{"local": "192.0.2.20"}, {"local": "2001:db8::20"}, {}]
            return Output(0, json.dumps([{"addr_info": held}, {}]).encode(), b"")
        done = subprocess.run(argv, capture_output=True, check=False)
        return Output(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the key is made."""
    path = tmp_path / "transhume" / "id_ed25519"
    monkeypatch.setattr(key, "KEY", str(path))
    return path


def _line(hostname: str = "192.0.2.10") -> str:
    return key.line(cast(Processes, _Here()), hostname)


@pytest.mark.programs("ssh-keygen")
def test_the_key_is_made_once_for_root_alone(path: Path) -> None:
    line = _line()
    assert path.stat().st_mode & 0o777 == 0o600
    assert _line() == line
    options, kind, blob, name = line.split(" ")
    assert options == (
        'restrict,port-forwarding,permitopen="127.0.0.1:*",'
        'from="192.0.2.10,192.0.2.20,2001:db8::20"'
    )
    assert (kind, name.partition("@")[0]) == ("ssh-ed25519", "transhume")
    assert blob in path.with_suffix(".pub").read_text()
    assert "PRIVATE" not in line


@pytest.mark.programs("ssh-keygen")
def test_what_cant_be_made_is_told(path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(path.parent / "no" / "such")
    with pytest.raises(StepFailed, match="ssh-keygen can't make"):
        _line()


@pytest.mark.programs("ssh-keygen")
def test_a_name_that_nobody_knows_is_told(path: Path) -> None:
    with pytest.raises(Unreachable, match="has no address"):
        _line("no-such-host.invalid")
