"""Every step of every plan, as the profile builds it, on two machines in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract import machines
from transhume.core.change import Act, Carry, Change, Command, Keep, Never, Run, leaves
from transhume.core.host import Pair
from transhume.core.plan import Plan
from transhume.core.step import Step
from transhume.engine.codec import Bodies, decode, encode, encode_change
from transhume.errors import TranshumeError
from transhume.profiles.bluemind import profile
from transhume.profiles.bluemind.back import plan as plan_back
from transhume.profiles.bluemind.layout import load
from transhume.steps.requirements.programs import PROGRAMS

HOW = ("take", "script", "manual", "none")
_LAYOUT = load("bluemind-5")


def plan(how: str) -> Plan:
    """The profile's plan for this way of replacing the server."""
    return profile.plan(_LAYOUT, machines.settings(how))


_RETURN = ("return-settings", "follow-target", "turn-trees", "turn-databases", "forget-return")


def servers(step: Step) -> Pair:
    """Two machines on which the step has something to do."""
    late = step.phase == "back" or step.key in (*_RETURN, "open")
    return machines.returning() if late else machines.servers()


STEPS = [
    pytest.param(step, id=f"{how}-{step.key}")
    for how in HOW
    for step in plan(how).steps
    if how == "take" or step.key not in {step.key for step in plan("take").steps}
]
_SWITCH = (
    Run("source", ("ip", "addr", "replace", "192.0.2.10/24", "dev", "ens3")),
    Run("target", ("ip", "addr", "del", "192.0.2.10/24", "dev", "ens3")),
)
BACK = plan_back(_LAYOUT, machines.settings("take"), lambda keys: _SWITCH).steps
STEPS += [pytest.param(step, id=f"back-{step.key}") for step in BACK]
each_step = pytest.mark.parametrize("step", STEPS)


def _changes(step: Step) -> list[Change]:
    return list(step.run(servers(step)))


def _backs(changes: list[Change]) -> Iterator[Act]:
    return (change.back for change in changes if not isinstance(change.back, Keep | Never | Carry))


@each_step
def test_its_words_say_something(step: Step) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", step.key)
    assert step.title
    assert not step.title.endswith(".")
    assert step.why.endswith((".", "!", "?"))
    for change in _changes(step):
        assert change.title.strip()
        if isinstance(change.back, Keep | Never | Carry):
            assert change.back.reason.strip()


@each_step
def test_it_alters_only_what_it_declares(step: Step) -> None:
    changes = _changes(step)
    for change in changes:
        assert isinstance(change, Change)
        assert change.places() <= step.touches
    for back in _backs(changes):
        assert {command.place for command in back.commands()} <= step.touches


@each_step
def test_looking_at_it_alters_nothing_and_says_the_same_again(step: Step) -> None:
    """FakeHost fails the test at the first command that isn't known to read only."""
    pair = servers(step)
    assert list(step.run(pair)) == list(step.run(pair))
    assert list(step.check(pair)) == list(step.check(pair))
    assert _seen(step, pair) == _seen(step, pair)


def _seen(step: Step, pair: Any) -> object:
    try:
        return list(step.verify(pair))
    except TranshumeError as error:
        return error.what


@each_step
def test_the_journal_gives_back_what_was_written(step: Step, tmp_path: Path) -> None:
    bodies = Bodies(tmp_path)
    for change in _changes(step):
        written = json.loads(json.dumps(encode_change(change, bodies)))
        assert decode(written["act"], bodies) == change.act
        assert decode(written["back"], bodies) == change.back


@each_step
def test_whatever_it_does_to_the_source_has_a_way_back(step: Step) -> None:
    for change in _changes(step):
        if "source" in change.places():
            assert not isinstance(change.back, Never)


@each_step
def test_no_secret_leaves_the_file_that_holds_it(step: Step, tmp_path: Path) -> None:
    bodies = Bodies(tmp_path / "bodies")
    for change in _changes(step):
        told = json.dumps(encode(change, bodies))
        told += "".join(str(command) for command in _commands(change))
        for secret in (machines.PASSWORD, machines.PASSWORD.strip(), machines.TOKEN):
            assert secret not in told
            assert json.dumps(secret)[1:-1] not in told
            assert all(secret.encode() not in path.read_bytes() for path in _side_files(tmp_path))


def _side_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _commands(change: Change) -> Iterator[Command]:
    yield from change.act.commands()
    if not isinstance(change.back, Keep | Never | Carry):
        yield from change.back.commands()


@pytest.mark.parametrize("how", HOW)
def test_the_whole_procedure_is_answered(how: str) -> None:
    assert plan(how).rows() == frozenset(range(1, 22))


@pytest.mark.parametrize("how", ["take", "script", "manual"])
def test_the_point_of_no_return_is_the_end(how: str) -> None:
    """Until then what people do after the opening is carried back."""
    assert _final(how) == ["forget-return", "tidy"]
    carried = [step.key for step in plan(how).steps if Carry in _kinds(step)]
    assert carried == ["open"]


def test_it_is_the_opening_where_nothing_can_be_carried_back() -> None:
    """And it is the last but tidying up: what can be proved was proved before."""
    assert _final("none") == ["open", "tidy"]
    step = next(step for step in plan("take").steps if step.key == "open")
    backs = [change.back for change in step.run(machines.servers())]
    assert all(isinstance(back, Never) and "keycloak" in back.reason for back in backs)


def _final(how: str) -> list[str]:
    return [step.key for step in plan(how).steps if Never in _kinds(step)]


def _kinds(step: Step) -> set[type]:
    return {type(change.back) for change in _changes(step)}


def test_what_is_carried_back_leaves_people_on_the_target_until_it_is_whole() -> None:
    kinds = [(step.key, step.service) for step in BACK if step.service]
    assert kinds == [("close-again", "down")]
    for step in BACK:
        assert not {Never, Carry} & _kinds(step)
    # The journal tells them apart by their keys.
    assert not {step.key for step in BACK} & {step.key for how in HOW for step in plan(how).steps}


def test_every_step_but_the_proofs_alters_something() -> None:
    idle = [step.key for step in plan("take").steps if not _changes(step)]
    # The machines in memory can be followed already.
    assert idle == [
        "requirements",
        "use-key",
        "replication-settings",
        "networks",
        "release-queue",
        "disarm-guard",
        "forget-proof",
        "stop-following",
        "forget-key",
    ]


@pytest.mark.parametrize("how", HOW)
def test_what_settles_a_step_comes_after_it(how: str) -> None:
    keys = [step.key for step in plan(how).steps]
    for step in plan(how).steps:
        if step.settled_by:
            assert keys.index(step.settled_by) > keys.index(step.key)


@pytest.mark.parametrize("how", HOW)
def test_no_place_is_kept_in_the_sources_log_once_its_settings_are_its_own_again(how: str) -> None:
    """PostgreSQL doesn't start with a logical slot and a lower wal_level, were it to crash then."""
    keys = [step.key for step in plan(how).steps]
    assert keys.index("forget-proof") < keys.index("let-go-databases")


@pytest.mark.parametrize("how", HOW)
def test_people_are_shut_out_once_and_let_in_once(how: str) -> None:
    kinds = [(step.key, step.service) for step in plan(how).steps if step.service]
    assert kinds == [("freeze", "down"), ("open", "up")]


# Essential packages of a distribution with systemd, BlueMind's own, and ours.
_BASE = {"chown", "env", "test", "mkdir", "rm", "sed", "sh", "sync", "systemctl", "sysctl", "touch"}
_BASE |= {"rmdir", "systemd-run"}
_BLUEMIND = {"bm-cli", "bmctl"}


@pytest.mark.parametrize("how", HOW)
def test_every_program_that_a_plan_starts_was_looked_for(how: str) -> None:
    for step in plan(how).steps:
        for change in _changes(step):
            for command in _commands(change):
                if 127 in command.ok:
                    continue  # It says itself that it can do without.
                known = set(PROGRAMS[command.place]) | _BASE | _BLUEMIND
                assert _program(command) in known | {"/root/move-address"}


def _program(command: Command) -> str:
    words = [word for word in command.argv if "=" not in word]
    return words[1] if words[0] == "env" else words[0]


def test_a_healthy_pair_passes_every_check() -> None:
    pair = machines.servers()
    found = [item for step in plan("take").steps for item in step.check(pair)]
    assert [(item.key, item.seen) for item in found if item.severity in ("blocks", "unknown")] == []


def test_every_act_can_be_taken_apart() -> None:
    for step in plan("take").steps:
        for change in _changes(step):
            parts = [command for act in leaves(change.act) for command in act.commands()]
            assert parts == list(change.act.commands())
