"""Tests of what wires a run."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.fakes import FakeHost
from transhume.core.host import Pair
from transhume.engine.journal import FILE
from transhume.errors import JournalRefused, SettingsError
from transhume.hosts.process import Processes
from transhume.ui.session import _interruptible, _state, logins, read_settings


def test_a_kill_between_the_file_and_the_role_leaves_a_login() -> None:
    def ini(password: str) -> bytes:
        return f"[global]\nuser = bj\npassword = {password}\nport = 5432\n".encode()

    source = FakeHost("source", files={"/etc/bm/bm.ini": ini("new")})
    kept = {"/kept/etc/bm/bm.ini": ini("wizard's")}
    target = FakeHost("target", files={"/etc/bm/bm.ini": ini("new"), **kept})
    found = logins(Pair(source, target), "target", "/etc/bm/bm.ini", "/kept")
    assert "wizard's" in [login.password for login in found]


def test_settings_that_cant_be_read_lead_to_init(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read: Is a directory") as wrong:
        read_settings(tmp_path)
    assert wrong.value.remedy == "transhume init SOURCE writes them"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_children_and_then_the_run(number: signal.Signals) -> None:
    processes = Processes()
    former = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), _interruptible(processes):
        os.kill(os.getpid(), number)
    with pytest.raises(KeyboardInterrupt):
        processes.run(("true",))
    assert signal.getsignal(number) is former


def test_a_journal_that_cant_be_read_stops_a_run_before_it_takes_a_wrong_way(
    tmp_path: Path,
) -> None:
    """Its source may be reached elsewhere by now, at an address that the target holds."""
    assert _state(tmp_path).route == ""
    (tmp_path / FILE).write_bytes(b"SQLite format 3\0 torn")
    with pytest.raises(JournalRefused):
        _state(tmp_path)
