"""Services: stopped so that they stay so, started in the order that the way back needs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.contract import machines
from tests.contract.machines import UNITS, servers
from tests.fakes import FakeHost
from transhume.core.change import Act, Await, Carry, Change, Keep, Never, RemoveFile, leaves
from transhume.core.finding import Finding, stopping
from transhume.core.host import Pair
from transhume.errors import Unreachable
from transhume.profiles.bluemind import profile
from transhume.profiles.bluemind.layout import load
from transhume.steps.services import Start, installed, running

PLAN = profile.plan(load("bluemind-5"), machines.settings())
STEPS = {step.key: step for step in PLAN.steps}
MASKED = {
    name: ("inactive", "masked") if name != "postgresql.service" else state
    for name, state in UNITS.items()
}


def _pair(**units: dict[str, tuple[str, str]]) -> Pair:
    pair = servers()
    for place, known in units.items():
        host = getattr(pair, place)
        assert isinstance(host, FakeHost)
        host.units = dict(known)
    return pair


def _typed(act: Act | Keep | Never | Carry) -> list[str]:
    assert not isinstance(act, Keep | Never | Carry)
    return [str(command) for command in act.commands() if command.argv[0] != "sh"]


def _stops(changes: list[Change], place: str) -> list[str]:
    return [
        command.removeprefix("systemctl ")
        for change in changes
        if place in change.places() and not isinstance(change.act, Await)
        for command in _typed(change.act)
    ]


def test_mail_stops_first_then_every_unit_that_runs() -> None:
    stops = _stops(list(STEPS["freeze"].run(_pair(target=MASKED))), "source")
    units = "bluemind.target bm-core.service bm-nginx.service telegraf.service"
    assert stops == ["stop postfix.service", f"stop {units}"]


def test_the_database_isnt_stopped_with_the_services() -> None:
    """It is needed at once, for the last changes."""
    commands = [
        str(command)
        for change in STEPS["freeze"].run(_pair(target=MASKED))
        for command in change.act.commands()
    ]
    assert not any("postgresql" in line or "bmctl" in line for line in commands)


def test_what_was_stopped_cant_come_back() -> None:
    units = {name: state for name, state in UNITS.items() if name != "postgresql.service"}
    (mark, mask, *_) = STEPS["fence"].run(_pair(source=units, target=MASKED))
    assert isinstance(mark.back, RemoveFile)
    assert _typed(mask.act) == [f"systemctl mask --no-reload {' '.join(units)}"]
    assert _typed(mask.back) == [f"systemctl unmask {' '.join(units)}"]
    seen = stopping(STEPS["fence"].verify(_pair(source=units, target=MASKED)))
    assert "source: bm-core.service isn't stopped" in seen
    assert "source: bm-core.service could be started again" in seen
    assert not list(STEPS["fence"].verify(_pair(source=MASKED, target=MASKED)))


def test_its_ports_refuse_whoever_comes_until_the_way_back() -> None:
    pair = _pair(source=MASKED, target=MASKED)
    changes = list(STEPS["close-source"].run(pair))
    assert changes[-1].title == "close the door"
    assert {place for change in changes for place in change.places()} == {"source"}
    assert all(not isinstance(change.back, Keep | Never) for change in changes)
    assert isinstance(pair.source, FakeHost)
    pair.source.said["nft list table"] = 1
    assert "source: the service ports aren't closed" in stopping(STEPS["close-source"].verify(pair))


def test_a_source_without_nft_is_masked_all_the_same_and_that_is_said() -> None:
    pair = _pair(source=MASKED, target=MASKED)
    assert isinstance(pair.source, FakeHost)
    pair.source.said["which nft"] = 1
    assert [found.key for found in STEPS["close-source"].check(pair)] == ["ports-unfenced"]
    assert "close the door" not in [change.title for change in STEPS["close-source"].run(pair)]
    assert not stopping(STEPS["close-source"].verify(pair))


def test_its_end_is_awaited_not_assumed() -> None:
    """`bmctl stop` prints success whatever happened."""
    acts = [change.act for change in STEPS["freeze"].run(_pair(target=MASKED))]
    awaited = [act for act in acts if isinstance(act, Await)]
    assert [act.place for act in awaited] == ["source"]


def test_the_way_back_starts_the_services_and_mail_last() -> None:
    changes = [
        change
        for change in STEPS["freeze"].run(_pair(target=MASKED))
        if not isinstance(change.back, Keep | Never | Carry)
    ]
    ways = [line for change in reversed(changes) for line in _typed(change.back)]
    assert ways == [
        "systemctl start bm-nginx.service telegraf.service",
        "bmctl start",
        "systemctl start postfix.service",
    ]


def test_the_way_back_waits_until_the_source_serves() -> None:
    changes = list(STEPS["freeze"].run(_pair(target=MASKED)))
    (back,) = [change.back for change in changes if change.title == "stop BlueMind"]
    assert not isinstance(back, Keep | Never | Carry)
    *_, last = leaves(back)
    assert isinstance(last, Await)
    assert "core.state.running" in last.argv[-1]
    # A core that takes the connection and says nothing must not hold up the limit.
    assert "--max-time" in last.argv[-1]


def test_the_target_isnt_started_by_a_way_back() -> None:
    """It holds a copy of the source: its core would drive the source's node."""
    for change in STEPS["hold-target"].run(_pair()):
        assert isinstance(change.back, Keep)


def test_what_is_stopped_and_masked_is_left_alone() -> None:
    assert list(STEPS["hold-target"].run(_pair(target=MASKED))) == []
    assert list(STEPS["freeze"].run(_pair(source=MASKED, target=MASKED))) == []


def test_made_again_after_the_start_the_freeze_leaves_the_targets_database_running() -> None:
    """`bmctl stop` would end PostgreSQL, which the very next steps write to."""
    stops = _stops(list(STEPS["freeze"].run(_pair(source=MASKED))), "target")
    assert stops == [f"stop {' '.join(name for name in UNITS if name != 'postgresql.service')}"]


def test_once_the_target_was_started_the_freeze_still_holds() -> None:
    assert not stopping(STEPS["freeze"].verify(_pair(source=MASKED)))


def test_a_unit_that_was_started_by_hand_is_stopped_again() -> None:
    units = {**MASKED, "bm-core.service": ("active", "enabled")}
    typed = _stops(list(STEPS["hold-target"].run(_pair(target=units))), "target")
    assert typed == ["bmctl stop", "mask bm-core.service"]


@pytest.mark.parametrize("state", ["activating", "deactivating", "reloading", "maintenance", "??"])
def test_what_is_neither_stopped_nor_failed_runs(state: str) -> None:
    units = {**MASKED, "bm-core.service": (state, "masked")}
    (found,) = STEPS["freeze"].verify(_pair(source=units, target=MASKED))
    assert isinstance(found, Finding)
    assert (found.severity, found.where) == ("blocks", "source")
    assert "bm-core.service isn't stopped" in found.seen
    assert "systemctl stop bm-core.service" in found.remedy


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_what_failed_or_ended_is_stopped(state: str) -> None:
    units = {**MASKED, "bm-core.service": (state, "masked")}
    assert not stopping(STEPS["freeze"].verify(_pair(source=units, target=MASKED)))


def test_postgresql_isnt_among_what_is_kept_stopped() -> None:
    """The dump is taken from it while everything else stands."""
    names = load("bluemind-5").services.patterns
    assert not any("postgres" in name for name in names)


def test_templates_arent_units() -> None:
    units = {"postfix@.service": ("inactive", "disabled"), "postfix@-.service": ("active", "x")}
    host = FakeHost("source", units=units)
    assert installed(host, ("postfix@*.service",)) == {"postfix@-.service": False}


def test_lines_without_a_unit_are_none() -> None:
    host = FakeHost("source", said={"systemctl": "\n\nbm-core.service loaded active running x\n\n"})
    assert running(host, ("bm-*",)) == ["bm-core.service"]


def test_the_target_starts_mail_with_an_empty_queue_and_stops_all_on_the_way_back() -> None:
    changes = list(STEPS["start"].run(_pair(target=MASKED)))
    typed = [command for change in changes for command in _typed(change.act)]
    assert typed[0].startswith("systemctl unmask ")
    assert typed[1] == "bmctl start"
    whole = [str(command) for change in changes for command in change.act.commands()]
    assert "postsuper -h ALL" in whole[whole.index("systemctl start postfix.service") - 1]
    backs = [_typed(change.back)[0] for change in reversed(changes)]
    assert backs[-1].startswith("systemctl mask ")
    assert all(command.startswith(("systemctl stop ", "systemctl mask ")) for command in backs)


def test_a_core_that_doesnt_say_that_it_serves_isnt_started() -> None:
    pair = _pair()
    assert isinstance(pair.target, FakeHost)
    path = load("bluemind-5").services.state
    pair.target.served[path] = "core.state.maintenance"
    (found,) = STEPS["start"].verify(pair)
    assert isinstance(found, Finding)
    assert "core.state.maintenance" in found.seen
    pair.target.served[path] = "core.state.running"
    assert list(STEPS["start"].verify(pair)) == []


@pytest.mark.parametrize(
    ("system", "core", "coming"),
    [
        ("starting", Unreachable("refused"), True),
        ("running", "core.state.starting", True),
        ("degraded", "core.state.running", False),
        ("running", "core.state.maintenance", False),
    ],
)
def test_a_core_that_starts_with_its_machine_is_about_to_serve(
    system: str, core: object, coming: bool
) -> None:
    pair = _pair()
    assert isinstance(pair.target, FakeHost)
    pair.target.said["systemctl is-system-running"] = f"{system}\n"
    pair.target.served[load("bluemind-5").services.state] = core
    start = STEPS["start"]
    assert isinstance(start, Start)
    assert start.coming(pair) == coming


SYSTEMCTL = """\
#!/bin/sh
for word; do case $word in --state=*) states=${word#*=};; esac; done
test -z "$states" || case ,$states, in *,$(cat %s),*) echo "bm-core.service loaded x";; esac
"""


@pytest.mark.programs("sh", "systemctl", faked=True)
@pytest.mark.parametrize(
    ("state", "status"), [("active", 1), ("deactivating", 1), ("failed", 0), ("inactive", 0)]
)
def test_the_wait_for_their_end_sees_each_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, status: int
) -> None:
    (tmp_path / "state").write_text(state)
    (tmp_path / "systemctl").write_text(SYSTEMCTL % (tmp_path / "state"))
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    changes = STEPS["freeze"].run(_pair(target=MASKED))
    (wait,) = [change.act for change in changes if isinstance(change.act, Await)]
    assert subprocess.run(wait.argv, check=False).returncode == status
