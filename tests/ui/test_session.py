"""Tests of what wires a run."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Literal

import pytest

from tests.fakes import FakeHost
from transhume.core.event import Event
from transhume.core.host import Pair
from transhume.core.settings import Settings, SourceSettings
from transhume.engine.journal import FILE, Journal
from transhume.engine.state import State
from transhume.errors import JournalRefused, SettingsError, Unreachable
from transhume.hosts.process import Processes
from transhume.ui import session as wiring
from transhume.ui.session import (
    _ended,
    _interruptible,
    _settings_there,
    logins,
    past,
    read_settings,
    stopped,
)


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


@pytest.mark.parametrize(
    ("steps", "returning", "goes_on"),
    [
        (["use-key"], True, True),
        (["use-key", "carry-rest"], True, True),
        (["use-key", "freeze"], True, False),
        (["use-key"], False, False),
        ([], False, False),
    ],
)
def test_only_a_way_back_whose_key_alone_is_left_needs_no_source(
    monkeypatch: pytest.MonkeyPatch, steps: list[str], returning: bool, goes_on: bool
) -> None:
    """Killed after the key went, it must still be able to write its end."""

    def refused(self: FakeHost, path: str) -> None:
        raise Unreachable("Permission denied (publickey)")

    monkeypatch.setattr(FakeHost, "file", refused)
    begun = {at: Event(at, 0.0, "change-begun", {"step": key}) for at, key in enumerate(steps)}
    state = State(begun=begun, returning=returning, carrying={"carry-rest"})
    if goes_on:
        assert _settings_there(FakeHost("source"), "/etc/bm/bm.ini", state) is None
    else:
        with pytest.raises(Unreachable):
            _settings_there(FakeHost("source"), "/etc/bm/bm.ini", state)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_children_and_then_the_run(number: signal.Signals) -> None:
    processes = Processes()
    former = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), _interruptible(processes):
        os.kill(os.getpid(), number)
    with pytest.raises(KeyboardInterrupt):
        processes.run(("true",))
    assert signal.getsignal(number) is former


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_being_stopped_ends_in_order(number: signal.Signals) -> None:
    """It waits for what is at work beside it, and writes down how it ended: before that nobody
    else may hold the move."""
    with _interruptible(Processes()):
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)


def test_a_journal_that_cant_be_read_stops_a_run_before_it_takes_a_wrong_way(
    tmp_path: Path,
) -> None:
    """Its source may be reached elsewhere by now, at an address that the target holds."""
    assert past(tmp_path) == []
    (tmp_path / FILE).write_bytes(b"SQLite format 3\0 torn")
    with pytest.raises(JournalRefused):
        past(tmp_path)


@pytest.mark.parametrize("kind", ["rolled-back", "finished"])
def test_a_run_that_ends_the_move_knows_it(tmp_path: Path, kind: str) -> None:
    """Only that one: what an earlier run ended is looked at by later ones."""
    with Journal(tmp_path) as journal:
        journal.write("walk-begun", command="x", version="1")
        assert not _ended(tmp_path, 0)
        journal.write("rolled-back" if kind == "rolled-back" else "finished", seconds=1.0)
    assert _ended(tmp_path, 1)
    assert not _ended(tmp_path, 2)


@pytest.mark.parametrize(
    ("done", "serves_on"), [([], False), (["arm-back"], True), (["arm-back", "turn-back"], False)]
)
def test_on_a_way_back_it_is_said_who_serves_by_itself(
    tmp_path: Path, done: list[str], serves_on: bool
) -> None:
    act = {"kind": "Run", "place": "target", "argv": ["true"], "input": "", "ok": [0]}
    with Journal(tmp_path) as journal:
        journal.write("walk-begun", command="rollback", version="1")
        back = {"kind": "Carry", "reason": "people came in"}
        journal.write("change-begun", step="open", title="x", act=act, back=back, commands=[])
        for key in done:
            journal.write("step-done", step=key, seconds=1.0)
        journal.write("down")
    told = stopped(tmp_path)
    assert "People are shut out" in told.state
    assert ("the target serves them on by itself" in told.state) == serves_on
    assert "transhume rollback goes on" in told.remedy


def test_settings_that_others_may_write_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "move.toml"
    path.write_text("[source]\n")
    path.chmod(0o666)
    with pytest.raises(SettingsError, match="others than root may write") as wrong:
        read_settings(path)
    assert wrong.value.remedy.endswith(f"chown root: {path}; chmod go-w {path}")


class _Nowhere:
    """A way that leads nowhere, and leaves what a real one leaves."""

    folder = Path("/nowhere")

    def __init__(self, *_: object) -> None:
        """Nobody is reached."""

    def to(self, address: str) -> None:
        """Write how the source is reached, and the passwords."""
        (self.folder / "ssh_config").touch()
        (self.folder / "pg_service.conf").write_text("password=secret")

    def close(self) -> None:
        """It is closed."""


@pytest.mark.skipif(os.geteuid() != 0, reason="a session needs root")
@pytest.mark.parametrize("end", ["", "rolled-back", "finished"])
def test_no_password_stays_and_at_the_end_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: Literal["", "rolled-back", "finished"]
) -> None:
    run, state = tmp_path / "run", tmp_path / "state"
    monkeypatch.setattr(_Nowhere, "folder", run)
    monkeypatch.setattr(wiring, "FOLDER", run)
    monkeypatch.setattr(wiring, "SERVICE_FILE", str(run / "pg_service.conf"))
    monkeypatch.setattr(wiring, "Ssh", _Nowhere)
    monkeypatch.setattr(wiring, "_wired", lambda *_: None)
    source = SourceSettings(ssh="root@old", host_key="ssh-ed25519 AAAA")
    with wiring.session(Settings(source=source, state=str(state))), Journal(state) as journal:
        assert (run / "pg_service.conf").exists()
        journal.write("walk-begun", command="x", version="1")
        if end:
            journal.write(end, seconds=1.0)
    left = {path.name for path in run.iterdir()} if run.exists() else None
    assert left == (None if end else {"lock", "ssh_config"})
