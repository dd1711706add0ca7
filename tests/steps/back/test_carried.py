"""Trees, queue and configuration on their way back, on two machines in memory."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from tests.contract import machines
from tests.fakes import FakeHost
from transhume.core.change import Change, Run, SyncFiles, SyncPaths, SyncTree, leaves
from transhume.core.finding import Proof, stopping
from transhume.core.host import Pair
from transhume.core.step import Step
from transhume.profiles.bluemind import profile
from transhume.profiles.bluemind.layout import load
from transhume.steps import postfix
from transhume.steps.back import tunnel
from transhume.steps.back.configuration import (
    ASIDE,
    CarryConfiguration,
    FinishCarried,
    parameters,
)
from transhume.steps.back.databases import CarryChanges
from transhume.steps.back.leave import CarryQueue, StopTarget
from transhume.steps.back.trees import CarryRest, CarryTrees
from transhume.steps.back.turn import PrepareTarget, TurnTrees
from transhume.steps.queue import QUEUES

_LAYOUT, _SETTINGS = load("bluemind-5"), machines.settings()
WAY = profile.way_back(_LAYOUT, _SETTINGS)
CONFIGURATION = CarryConfiguration(profile.configuration(_LAYOUT, _SETTINGS))
FINISHED = FinishCarried(CONFIGURATION)


def target(pair: Pair) -> FakeHost:
    return cast(FakeHost, pair.target)


def source(pair: Pair) -> FakeHost:
    return cast(FakeHost, pair.source)


def acts(step: Step, pair: Pair) -> list[Any]:
    return [act for change in step.run(pair) for act in leaves(change.act)]


@pytest.mark.parametrize("step", [CarryTrees(WAY), CarryRest(WAY)])
def test_just_what_was_told_goes_to_the_source(step: Step) -> None:
    """And a tree whose list isn't whole is looked at as a whole."""
    made = acts(step, machines.returning())
    (paths,) = [act for act in made if isinstance(act, SyncPaths)]
    assert (paths.path, paths.names, paths.to_source) == ("/var/spool/cyrus", b"a/0\0", True)
    (whole,) = [act for act in made if isinstance(act, SyncTree)]
    assert (whole.path, whole.to_source) == ("/var/spool/bm-hsm", True)
    for act in (paths, whole):
        command = next(each for each in act.commands() if each.argv[0] == "rsync")
        assert command.argv[-1] == f"transhume-source:{act.path}/"
        assert command.argv[-2] == f"{act.path}/"


def test_a_tracker_that_is_gone_is_started_again() -> None:
    pair = machines.returning()
    silent = [b'{"problem": "the tracker does not answer"}']
    target(pair).printed["changes"] = silent
    made = list(CarryTrees(WAY).run(pair))
    assert made[0].title == "put the tracker on the target"
    whole = [act for act in acts(CarryTrees(WAY), pair) if isinstance(act, SyncTree)]
    assert len(whole) == len(machines.TREES)
    assert all(act.delete for act in whole)


def test_at_the_switch_only_trees_whose_list_is_whole_are_noted() -> None:
    noted = acts(TurnTrees(WAY), machines.returning())
    assert [run.argv[5] for run in noted] == ["acked", "proved"]
    assert {run.place for run in noted} == {"target"}
    for run in noted:
        assert "/var/spool/cyrus" in run.argv
        assert "/var/spool/bm-hsm" not in run.argv


def test_the_queue_is_the_targets_on_the_source() -> None:
    pair = machines.returning()
    made = acts(CarryQueue(), pair)
    assert [act.path.rpartition("/")[2] for act in made[: len(QUEUES)]] == list(QUEUES)
    assert all(act.to_source and act.finish for act in made[: len(QUEUES)])
    named = made[len(QUEUES) : len(QUEUES) + 2]
    assert [run.ok for run in named] == [(0, 1), (0,)]
    assert {run.argv for run in named} == {("postsuper", "-s")}
    message = {"queue_id": "B48881024D7", "arrival_time": 7, "message_size": 254, "sender": "a@x"}
    source(pair).said["postqueue -j"] = json.dumps(message) + "\n"
    (seen,) = CarryQueue().verify(pair)
    assert seen.key == "queue-differs"


def test_the_target_is_stopped_and_can_be_started_again() -> None:
    made = list(StopTarget(profile.driven(_LAYOUT)).run(machines.returning()))
    assert [change.title for change in made] == [
        "stop mail",
        "stop BlueMind",
        "wait until all have stopped",
        "keep the services stopped",
    ]
    assert "postgresql" not in str([list(change.act.commands()) for change in made])
    assert "unmask" in str(made[-1].back)
    assert "bmctl" in str(made[1].back)


def test_behind_the_closed_door_the_way_to_its_postgresql_is_opened_anew_where_it_is_lost() -> None:
    """As by a restart of the target, after which nothing is made hot any more."""
    pair = machines.returning()
    ways = [change.title for change in CarryChanges(WAY).run(pair)]
    assert ways == ["open the way to the target's PostgreSQL", "finish bj, bj-data"]
    target(pair).units[tunnel.UNIT] = ("active", "enabled")
    source(pair).files[f"{tunnel.FOLDER}/passfile"] = b"x"
    assert [change.title for change in CarryChanges(WAY).run(pair)] == ways[1:]


def test_what_was_set_in_main_cf_is_set_on_the_source() -> None:
    pair = machines.returning()
    target(pair).files["/etc/postfix/main.cf"] = b"relayhost = [mx.example.org]\n  :25\n"
    source(pair).files["/etc/postfix/main.cf"] = b"alias_maps = hash:/etc/aliases\n"
    made = [act for act in acts(CONFIGURATION, pair) if isinstance(act, Run)]
    assert [run.argv for run in made if run.argv[0] == "postconf"] == [
        ("postconf", "-e", "relayhost=[mx.example.org] :25"),
        ("postconf", "-X", "alias_maps"),
    ]
    assert all(run.place == "source" for run in made)
    told = list(FINISHED.verify(pair))
    proof = next(one for one in told if isinstance(one, Proof) and "main.cf" in one.part)
    assert not proof.whole


def test_a_changed_file_is_carried_and_the_former_one_kept() -> None:
    pair = machines.returning()
    lines = list(machines.manifest(b'{"trees": [1]}'))
    changed = [*lines, b"a", b" \0f\000644\0root\0root\0\0001\0\0\0\0"]
    target(pair).printed["manifest"] = changed
    folders = [act for act in acts(CONFIGURATION, pair) if isinstance(act, (SyncTree, SyncFiles))]
    assert folders
    assert all(act.to_source and act.aside == f"{ASIDE}/1" for act in folders)


def test_what_an_earlier_way_back_kept_is_not_written_over() -> None:
    """Nor the main.cf that one kept which was cut off after it had set half of it."""
    pair = machines.returning()
    source(pair).folders |= {f"{ASIDE}/{name}" for name in ("1", "10", "9", "mine")}
    target(pair).files["/etc/postfix/main.cf"] = b"relayhost = [mx.example.org]\n"
    made = acts(CONFIGURATION, pair)
    kept = [act for act in made if isinstance(act, Run) and act.argv[0] in ("cp", "mkdir")]
    assert all(f"{ASIDE}/11/etc/postfix" in act.argv[-1] for act in kept)
    assert len(kept) == 2


def test_behind_the_door_only_what_was_set_since_is_carried() -> None:
    """While people wait nothing is compared twice, and no main.cf written again."""
    pair = machines.returning()
    target(pair).files["/etc/postfix/main.cf"] = postfix.adapted(pair)["/etc/postfix/main.cf"]
    assert list(FINISHED.run(pair)) == []
    changed = [
        *machines.manifest(b'{"trees": [1]}'),
        b"a",
        b" \0f\000644\0root\0root\0\0001\0\0\0\0",
    ]
    target(pair).printed["manifest"] = changed
    assert not stopping(FINISHED.verify(pair))
    assert stopping(FINISHED.verify(pair))
    assert [change.title[:10] for change in FINISHED.run(pair)] == ["set on the"]
    assert stopping(FINISHED.verify(pair))


def test_a_master_cf_that_was_changed_is_named() -> None:
    pair = machines.returning()
    target(pair).files["/etc/postfix/master.cf"] += b"more unix - - n - - smtp\n"
    proofs = [one for one in FINISHED.verify(pair) if isinstance(one, Proof)]
    (note,) = [note for proof in proofs for note in proof.notes]
    assert "master.cf was changed" in note


def test_parameters_are_read_as_postfix_reads_them() -> None:
    text = "# a = b\na = 1\nb=2,\n   3\n# x\n\ta4\na = 5\n"
    assert parameters(text) == {"a": "5", "b": "2, 3 a4"}


def test_settings_that_forbid_it_are_told_before_anything_begins() -> None:
    found = [*_checks("none"), *_checks("take", strategy="dump")]
    assert [each.key for each in found] == ["no-way-back", "no-way-back"]
    assert "address of its own" in found[0].seen
    assert 'strategy = "dump"' in found[1].seen


def _checks(how: str, strategy: str = "auto") -> list[Any]:
    settings = machines.settings(how)
    databases = settings.databases.model_copy(update={"strategy": strategy})
    settings = settings.model_copy(update={"databases": databases})
    way = profile.way_back(_LAYOUT, settings)
    assert list(TurnTrees(way).run(machines.returning())) == []
    return list(PrepareTarget(way).check(machines.returning()))


def test_the_settings_are_put_back_with_a_restart() -> None:
    (change,) = PrepareTarget(WAY).run(machines.returning())
    assert isinstance(change, Change)
    wrote, put_back = (str(list(act.commands())) for act in (change.act, change.back))  # type: ignore[union-attr]
    assert "restart" in wrote
    assert "restart" in put_back
