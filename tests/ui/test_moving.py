"""Whole moves at the command line, over two servers in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import memory
from tests.contract import machines
from tests.ui import stage
from tests.ui.stage import Stage
from transhume import errors
from transhume.core.change import Command
from transhume.core.host import Output
from transhume.core.lag import Lag
from transhume.engine.journal import FILE, alone, read
from transhume.steps.trees import SyncTrees
from transhume.ui import converge, moving, verifying

_STATE = "/api/system/installation/state"


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Stage]:
    """The command line over two servers in memory, and its journal there as well."""
    with memory.fresh() as folder:
        (tmp_path / "state").symlink_to(folder)
        yield stage.build(tmp_path, monkeypatch, capsys)


def _kinds(typed: Stage) -> list[str]:
    return [event.kind for event in read(typed.folder / "state")[0]]


def _begun(typed: Stage) -> list[str]:
    events = read(typed.folder / "state")[0]
    return [event.data["step"] for event in events if event.kind == "step-begun"]


def _ended(typed: Stage) -> dict[str, str]:
    last = [event for event in read(typed.folder / "state")[0] if event.kind == "walk-ended"][-1]
    return last.data


def _passed(typed: Stage, *words: str) -> None:
    assert (typed.type(*words), typed.err) == (0, "")


def test_a_whole_move(typed: Stage) -> None:
    _passed(typed, "check")
    _passed(typed, "sync")
    assert "transhume cutover" in typed.out
    assert not any("bmctl" in line for line in typed.source.typed)
    _passed(typed, "sync")
    _passed(typed, "cutover", "--yes")
    assert any("systemctl stop" in line and "bm-core" in line for line in typed.source.typed)
    assert "/root/move-address take" in typed.target.typed
    opened = typed.target.typed.index("systemctl stop transhume-closed.service")
    assert not any("bmctl" in line for line in typed.target.typed[opened:])
    _passed(typed, "verify")
    _passed(typed, "finish")
    kinds = _kinds(typed)
    assert [kind for kind in kinds if kind in ("down", "up", "finished")] == [
        *("down", "up", "finished")
    ]
    _passed(typed, "status", "--json")
    status = json.loads(typed.out)
    assert status["finished"]
    assert {step["state"] for step in status["steps"]} <= {"done", "skipped"}


def test_following_goes_on_until_enough_is_copied(typed: Stage) -> None:
    _passed(typed, "sync", "--follow")
    assert "forecast for a cutover now" in typed.out
    assert "Expected downtime" in typed.out
    kinds = _kinds(typed)
    assert kinds.count("forecast") == 1
    _passed(typed, "status", "--json")
    status = json.loads(typed.out)
    assert status["forecast"]["low"] <= status["forecast"]["seconds"] <= status["forecast"]["high"]
    assert {part["account"] for part in status["forecast"]["parts"]} == {
        *("stop", "files", "databases", "configuration", "address", "start", "proofs")
    }


def test_following_ends_when_another_pass_is_of_no_use(
    typed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converge, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(SyncTrees, "lag", lambda step, pair: [Lag("/x", 7, "changes", 20.0)])
    assert typed.type("sync", "--follow", "--goal", "0.5", "--json") == 0
    passes = [json.loads(line) for line in typed.out.splitlines()]
    assert len(passes) == 4
    assert passes[0]["behind"] == [
        {
            "part": "/x",
            "behind": 7,
            "unit": "changes",
            "seconds": 20.0,
            "following": False,
            "total": 0.0,
        }
    ]
    assert passes[0]["forecast"]["seconds"] > passes[0]["forecast"]["caught_up"]
    _passed(typed, "sync", "--follow", "--goal", "0.5")
    assert "It ended above the goal: people would wait" in " ".join(typed.out.split())


def test_a_rest_that_nobody_knows_is_never_caught_up(
    typed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converge, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(SyncTrees, "lag", lambda step, pair: [Lag("bj", 0, "bytes", None)])
    assert typed.type("cutover", "--yes") == errors.StepFailed.exit_code
    assert "nobody knows how long the rest of bj takes" in typed.err
    assert "down" not in _kinds(typed)


def test_what_is_too_far_behind_is_said_before_anything_is_stopped(
    typed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(converge, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(SyncTrees, "lag", lambda step, pair: [Lag("/x", 7, "changes", 20.0)])
    assert typed.type("cutover", "--yes") == errors.StepFailed.exit_code
    assert "longer for what isn't copied yet" in typed.err
    assert "Nothing was stopped" in typed.err
    kinds = _kinds(typed)
    assert "down" not in kinds
    assert kinds.count("forecast") == 4
    assert "catch-up" not in _begun(typed)
    typed.settings.write_text(typed.settings.read_text() + "[cutover]\nrest = 30.0\n")
    _passed(typed, "cutover", "--yes")


def test_the_forecast_stands_beside_what_was_measured(typed: Stage) -> None:
    _passed(typed, "cutover", "--yes")
    _passed(typed, "report", "--json")
    parts = json.loads(typed.out)["forecast"]["parts"]
    assert {part["step"] for part in parts if part["measured"] is not None} >= {
        *("freeze", "finish-trees", "restore-databases", "start", "visit", "open")
    }


def test_cutover_alone_prepares_first(typed: Stage) -> None:
    _passed(typed, "cutover", "--yes")
    assert _begun(typed)[:3] == ["requirements", "use-key", "close"]


def test_there_and_back(typed: Stage) -> None:
    before = dict(typed.source.host.units)
    typed.target.fails.append("postsuper -s")
    assert typed.type("cutover", "--yes") == errors.StepFailed.exit_code
    assert "transhume rollback" in typed.err
    assert _ended(typed)["outcome"] == "failed"
    _passed(typed, "rollback")
    assert typed.source.host.units == before
    assert "/root/move-address give-back" in typed.target.typed
    _passed(typed, "rollback")
    assert "Nothing is to be taken back." in typed.out
    typed.target.fails.clear()
    _passed(typed, "cutover", "--yes")


def test_a_failure_in_the_outage_can_be_gone_on_from(typed: Stage) -> None:
    typed.target.fails.append("bmctl start")
    assert typed.type("cutover", "--yes") == errors.StepFailed.exit_code
    assert "People are shut out" in typed.err
    typed.target.fails.clear()
    dumps = sum("pg_dump" in line for line in typed.target.typed)
    _passed(typed, "cutover", "--yes")
    assert sum("pg_dump" in line for line in typed.target.typed) >= dumps


def test_after_the_opening_there_is_no_way_back_without_a_loss(typed: Stage) -> None:
    _passed(typed, "cutover", "--yes")
    assert "will lose what came since: the settings have" in " ".join(typed.out.split())
    assert "takes you back" not in typed.out
    already = len(typed.source.typed)
    assert typed.type("rollback") == errors.NoReturn.exit_code
    assert "--lose-new-mail" in typed.err
    assert len(typed.source.typed) == already
    _passed(typed, "rollback", "--lose-new-mail")
    assert "bmctl start" in typed.source.typed


def test_what_was_opened_is_told_to_serve_only_while_it_does(typed: Stage) -> None:
    _passed(typed, "cutover", "--yes")
    typed.target.host.served[_STATE] = "core.state.maintenance"
    assert typed.type("cutover", "--yes") == errors.StepFailed.exit_code
    assert "The target serves" not in typed.out
    assert "the target was opened, and doesn't serve" in typed.err
    assert "core.state.maintenance" in typed.err


@pytest.mark.parametrize("comes", [True, False])
def test_a_core_that_starts_after_a_restart_is_waited_for(
    typed: Stage, monkeypatch: pytest.MonkeyPatch, comes: bool
) -> None:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds
        if comes and clock[0] > 10:
            typed.target.host.served[_STATE] = "core.state.running"

    _passed(typed, "cutover", "--yes")
    typed.target.host.served[_STATE] = "core.state.starting"
    time = SimpleNamespace(sleep=sleep, monotonic=lambda: clock[0])
    monkeypatch.setattr("transhume.ui.moving.time", time)
    assert typed.type("cutover", "--yes") == (0 if comes else errors.StepFailed.exit_code)
    assert ("core.state.starting" in typed.err) != comes
    assert clock[0] < 20 if comes else clock[0] > 200


def test_a_sync_in_the_outage_is_refused(typed: Stage) -> None:
    typed.target.fails.append("bmctl start")
    typed.type("cutover", "--yes")
    assert typed.type("sync") == errors.StepFailed.exit_code
    assert "the switch has begun" in typed.err


def test_a_move_that_isnt_done_cant_be_finished(typed: Stage) -> None:
    _passed(typed, "sync")
    assert typed.type("finish") == errors.NoReturn.exit_code
    assert "nothing to finish" in typed.err


def test_a_move_isnt_finished_before_a_comparison_found_all_equal(
    typed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    _passed(typed, "sync")
    _passed(typed, "verify")
    _passed(typed, "cutover", "--yes")
    assert typed.type("finish") == errors.NoReturn.exit_code
    assert "transhume verify" in typed.err
    _passed(typed, "verify")
    with monkeypatch.context() as once:
        once.setattr(verifying, "stopping", lambda proofs: ["bj: a row differs"])
        assert typed.type("verify") == errors.Differs.exit_code
    assert typed.type("finish") == errors.NoReturn.exit_code
    assert "finished" not in _kinds(typed)
    _passed(typed, "verify")
    _passed(typed, "finish")


def test_it_can_be_finished_without_by_whoever_says_so(typed: Stage) -> None:
    _passed(typed, "cutover", "--yes")
    _passed(typed, "finish", "--unproved")
    assert "finished" in _kinds(typed)


@pytest.mark.parametrize("command", [("sync",), ("cutover", "--yes"), ("verify",), ("finish",)])
def test_a_finished_move_isnt_begun_again(typed: Stage, command: tuple[str, ...]) -> None:
    for words in (("cutover", "--yes"), ("verify",), ("finish",)):
        _passed(typed, *words)
    assert typed.type(*command) == errors.JournalRefused.exit_code
    assert "this move is finished" in typed.err


def test_a_block_stops_the_move_before_anything_is_changed(typed: Stage) -> None:
    typed.target.host.files.pop("/etc/bm/server.uid")
    for command in (("sync",), ("cutover", "--yes")):
        assert typed.type(*command) == errors.Blocked.exit_code
    assert typed.source.typed == typed.target.typed == []


def test_an_accepted_warning_is_a_note(typed: Stage) -> None:
    typed.target.host.files.pop("/etc/bm/subscription.bmz")
    typed.settings.write_text(
        typed.settings.read_text() + '[check]\naccept = ["subscription", "wizard"]\n'
    )
    _passed(typed, "check", "--json")
    (found,) = [item for item in json.loads(typed.out)["findings"] if item["key"] == "subscription"]
    assert found["severity"] == "notes"
    typed.target.host.files.pop("/etc/bm/server.uid")
    assert typed.type("check") == errors.Blocked.exit_code


def test_a_difference_ends_with_11_and_is_named(typed: Stage) -> None:
    _passed(typed, "sync")
    typed.target.host.held["select 0::int, count(*), coalesce(sum(hashtextextended"] = [
        (0, 2, "77")
    ]
    assert typed.type("verify") == errors.Differs.exit_code
    assert "public.t_server" in typed.out
    assert typed.type("verify", "--json") == errors.Differs.exit_code
    proofs = json.loads(typed.out)["proofs"]
    assert {proof["part"] for proof in proofs if not proof["whole"]} == {
        *("bj", "bj-data", "keycloak")
    }


def test_other_settings_are_another_move(typed: Stage) -> None:
    _passed(typed, "sync")
    typed.settings.write_text(typed.settings.read_text().replace("root@old", "root@other"))
    assert typed.type("cutover", "--yes") == errors.JournalRefused.exit_code
    assert "source: 'root@old.example.org' in the journal" in typed.err
    _passed(typed, "rollback")


def test_going_back_needs_no_settings_but_the_journals_folder(typed: Stage) -> None:
    typed.target.fails.append("bmctl start")
    typed.type("cutover", "--yes")
    typed.settings.write_text(stage.text(typed.folder / "state", 'how = "manual"\n'))
    _passed(typed, "rollback")
    assert "bmctl start" in typed.source.typed


def test_a_pause_that_isnt_confirmed_stops_and_can_be_gone_on_from(typed: Stage) -> None:
    typed.settings.write_text(stage.text(typed.folder / "state", 'how = "manual"\n'))
    assert typed.type("cutover", "--yes") == errors.Declined.exit_code
    assert "Lead the server's name to the target now." in typed.err
    assert _ended(typed)["outcome"] == "failed"
    typed.answers.append(True)
    assert typed.type("cutover", "--yes") == 0


def test_a_mistake_of_ours_ends_the_walk_too(typed: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise status would show it running for ever."""

    def fail(*words: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(moving, "converge", fail)
    assert typed.type("sync") == 1
    assert _ended(typed)["outcome"] == "failed"
    assert "ZeroDivisionError" in _ended(typed)["message"]


def test_no_secret_is_in_what_was_printed_or_kept(typed: Stage) -> None:
    said = ""
    for words in (("check",), ("plan", "--commands", "--diff"), ("sync",), ("cutover", "--yes")):
        typed.type(*words)
        said += typed.out + typed.err
    state = (typed.folder / "state").resolve()
    kept = b"".join(path.read_bytes() for path in state.rglob("*") if path.is_file())
    assert b"step-done" in kept
    for secret in (machines.PASSWORD.strip(), machines.TOKEN):
        assert secret not in said
        assert secret.encode() not in kept
        assert json.dumps(secret)[1:-1].encode() not in kept


def test_a_damaged_journal_of_an_opening_is_refused(typed: Stage) -> None:
    _passed(typed, "sync")
    (typed.folder / "state" / FILE).write_bytes(b"SQLite format 3\0 torn")
    for words in (("status",), ("report",), ("rollback",), ("sync",)):
        assert typed.type(*words) == errors.JournalRefused.exit_code
        assert "Traceback" not in typed.err


def test_ctrl_c_in_a_walk_is_told_with_what_it_means(
    typed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the outage people are shut out: that is said, and both ways on."""

    def interrupt(command: Command, *more: object) -> Output:
        if "take" in command.argv:
            raise KeyboardInterrupt
        return obey(command, lambda line: None)

    obey = typed.target.run
    monkeypatch.setattr(typed.target, "run", interrupt)
    assert typed.type("cutover", "--yes") == 130
    assert _ended(typed)["outcome"] == "interrupted"
    assert "People are shut out" in typed.err
    assert "transhume rollback" in typed.err
    monkeypatch.setattr(typed.target, "run", obey)
    _passed(typed, "cutover", "--yes")


def test_a_second_run_is_refused_while_one_works(typed: Stage) -> None:
    _passed(typed, "sync")
    with alone(typed.folder / "state"):
        assert typed.type("sync") == errors.Busy.exit_code
    assert "another transhume holds this move" in typed.err
    _passed(typed, "sync")
