"""The command line: help, exit codes, and that every mistake is told in words."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from tests import memory
from tests.ui import stage
from tests.ui.stage import Stage
from transhume import __version__, errors
from transhume.engine.journal import Journal
from transhume.errors import TranshumeError
from transhume.ui import cli

COMMANDS = (
    *("init", "check", "plan", "sync", "cutover", "verify"),
    *("rollback", "finish", "status", "report"),
)


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Stage]:
    """The command line over two servers in memory, and its journal there as well."""
    with memory.fresh() as folder:
        (tmp_path / "state").symlink_to(folder)
        yield stage.build(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(typed: Stage, command: str) -> None:
    assert typed.type(command, "--help") == 0
    assert f"Usage: transhume {command}" in typed.out
    assert "--settings" in typed.out
    assert typed.err == ""


def test_help_names_every_command(typed: Stage) -> None:
    assert typed.type("--help") == 0
    assert all(f"  {command} " in typed.out for command in COMMANDS)


def test_its_version(typed: Stage) -> None:
    assert typed.type("--version") == 0
    assert typed.out == f"transhume {__version__}\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("chek",), "No such command 'chek'"),
        (("check", "--jsn"), "No such option"),
        (("check", "extra"), "unexpected extra argument"),
        (("init",), "Missing argument"),
    ],
)
def test_what_cant_be_understood_is_told_with_status_2(
    typed: Stage, words: tuple[str, ...], told: str
) -> None:
    assert typed.type(*words) == 2
    assert told in typed.err
    assert typed.err.startswith("transhume: ")
    assert typed.sessions == 0


def test_nothing_typed_is_help(typed: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["transhume"])
    assert cli._guarded() == 2
    said = typed.capture.readouterr()
    assert "Usage: transhume" in said.out + said.err


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("status", "report")])
def test_who_isnt_root_is_told_so_first(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    words = ["root@old"] if command == "init" else []
    settings = ["--settings", str(tmp_path / "missing.toml")]
    monkeypatch.setattr("sys.argv", ["transhume", command, *words, *settings])
    assert cli._guarded() == errors.EnvironmentLacks.exit_code
    assert "must run as root" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "plan", "sync", "cutover", "verify", "finish"])
def test_missing_settings_lead_to_init(typed: Stage, command: str) -> None:
    typed.settings.unlink()
    assert typed.type(command) == errors.SettingsError.exit_code
    assert "can't be read: No such file" in typed.err
    assert "transhume init SOURCE" in typed.err
    assert typed.sessions == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"state = 1\n", "state: Input should be a valid string"),
        (b"= nonsense", "isn't TOML"),
        (b"\xff\xfe", "can't be read"),
    ],
)
def test_wrong_settings_are_told_by_key(typed: Stage, content: bytes, told: str) -> None:
    typed.settings.write_bytes(content)
    assert typed.type("check") == errors.SettingsError.exit_code
    assert told in typed.err
    assert "Traceback" not in typed.err


@pytest.mark.parametrize("words", [("status",), ("report",), ("rollback",), ("status", "--json")])
def test_without_a_journal_there_is_nothing_to_tell(typed: Stage, words: tuple[str, ...]) -> None:
    assert typed.type(*words) == errors.JournalRefused.exit_code
    assert "no move was begun here" in typed.err
    assert typed.out == ""


def test_a_mistake_of_ours_is_a_sentence_and_a_file(
    typed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("transhume.ui.cli.read_settings", fail)
    assert typed.type("check") == TranshumeError.exit_code
    assert "a mistake inside transhume stopped it (ZeroDivisionError: by zero)" in typed.err
    assert "Traceback" not in typed.err
    kept = typed.folder / "bug.txt"
    assert "ZeroDivisionError" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


def test_a_disk_that_fills_in_a_walk_is_told_with_who_serves(
    typed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: object, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("transhume.engine.codec.Bodies._write", full)
    assert typed.type("sync") == errors.StepFailed.exit_code
    assert "the journal can't be written: No space left on device" in typed.err
    assert "The source serves; the target is closed." in typed.err
    assert "make room on its disk" in typed.err


def test_why_a_walk_ended_is_told_though_the_journal_has_no_room_for_it(
    typed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object, *_: object, **__: object) -> None:
        full = sqlite3.OperationalError("database or disk is full")
        monkeypatch.setattr("transhume.engine.journal._seal", Mock(side_effect=full))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/etc/full")

    monkeypatch.setattr("transhume.engine.codec.Bodies._write", fail)
    assert typed.type("sync") == errors.StepFailed.exit_code
    assert "No space left on device (/etc/full)" in typed.err


def test_ctrl_c_is_told_and_changes_nothing(typed: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("transhume.ui.cli.read_settings", interrupted)
    assert typed.type("check") == 130
    assert "stopped" in typed.err
    assert "Nothing was changed." in typed.err
    assert "Next: type the same command again" in typed.err


@pytest.mark.parametrize(
    ("down", "told"),
    [
        (True, ("People are shut out", "transhume cutover --yes goes on where it stopped")),
        (False, ("The source serves; the target is closed", "type the same command again")),
    ],
)
@pytest.mark.parametrize("command", ["check", "rollback", "verify"])
def test_ctrl_c_says_what_the_journal_says(
    typed: Stage, monkeypatch: pytest.MonkeyPatch, command: str, down: bool, told: tuple[str, ...]
) -> None:
    """What this command has changed isn't all that was."""
    with Journal(typed.folder / "state") as journal:
        beginning = {"profile": "bluemind-5", "source": "root@old", "host_key": "ssh-ed25519 A"}
        journal.write("opened", **beginning, target="x", address=[])
        journal.write("walk-begun", command="cutover", version="1")
        nothing = {"kind": "Keep", "reason": "x"}
        act = {"kind": "Run", "place": "source", "argv": ["true"], "input": "", "ok": [0]}
        journal.write("change-begun", step="x", title="x", act=act, back=nothing, commands=[])
        if down:
            journal.write("down")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("transhume.ui.cli.session", interrupted)
    assert typed.type(command) == 130
    assert "Nothing was changed" not in typed.err
    assert all(words in typed.err for words in told)


def test_a_reader_that_went_away_is_no_mistake(
    typed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("transhume.ui.cli.read_settings", broken)
    assert typed.type("check") == 1
    assert typed.err == ""


def test_check_passes_a_healthy_pair(typed: Stage) -> None:
    assert (typed.type("check"), typed.err) == (0, "")
    assert typed.source.typed == typed.target.typed == []


def test_check_in_json_is_one_document(typed: Stage) -> None:
    assert typed.type("check", "--json") == 0
    said = json.loads(typed.out)
    assert all(item["severity"] in ("warns", "notes") for item in said["findings"])


def test_a_finding_that_blocks_ends_with_10_also_in_json(typed: Stage) -> None:
    typed.target.host.files.pop("/etc/bm/server.uid")
    assert typed.type("check", "--json") == errors.Blocked.exit_code
    assert "wizard" in {item["key"] for item in json.loads(typed.out)["findings"]}
    assert "the set-up wizard wasn't run here" in typed.err


def test_plan_shows_every_step_and_alters_nothing(typed: Stage) -> None:
    assert typed.type("plan", "--commands", "--diff") == 0
    assert "move the mail queue" in typed.out
    assert "bmctl stop" in typed.out
    assert typed.source.typed == typed.target.typed == []
    assert typed.type("plan", "--json") == 0
    assert "move-queue" in json.dumps(json.loads(typed.out))


def test_cutover_without_yes_only_reports(typed: Stage) -> None:
    assert typed.type("cutover") == 0
    assert "Nothing was changed. To do it: transhume cutover --yes" in typed.out
    assert typed.source.typed == typed.target.typed == []


def test_a_report_is_for_root_and_overwrites_nothing_that_a_link_leads_to(
    typed: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert typed.type("sync") == 0
    monkeypatch.chdir(tmp_path)
    assert typed.type("report") == 0
    report = tmp_path / "transhume-report.html"
    assert report.stat().st_mode & 0o777 == 0o600
    report.rename(tmp_path / "precious")
    report.symlink_to("precious")
    (tmp_path / "precious").write_text("precious")
    assert typed.type("report") == 2
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_report_that_cant_be_written_is_told(typed: Stage) -> None:
    assert typed.type("sync") == 0
    assert typed.type("report", "-o", str(typed.folder / "no" / "such" / "x.html")) == 2
    assert "can't be written" in typed.err
    assert typed.type("report", "-o", str(typed.folder / "x.html")) == 0
    assert (typed.folder / "x.html").read_text().startswith("<!")
    assert typed.type("report", "--json") == 0
    json.loads(typed.out)
