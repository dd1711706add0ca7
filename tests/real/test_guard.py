"""Whatever dies in the middle of a switch, the machines find to one that holds the address."""

from __future__ import annotations

import os
import time

import pytest

from lab import kills, network
from lab.compare import compare, observe
from lab.kill_at import MOMENTS
from lab.machine import Machine
from lab.scene import Scene
from lab.shell import say, wait_until
from lab.split_brain import driven, let_in
from lab.standing import Standing, standing
from tests.real.stage import SETTINGS, addresses, refusal, typed, wait_served

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]

GUARD = 30
_PEOPLE = {network.SERVICE.v4, network.SERVICE.v6}
_SWITCH = ("arm-guard", "confirm")


def _ready(run: Scene) -> None:
    run.begin()
    text = f"\n[cutover]\nguard = {GUARD}\n"
    run.pair.target.exec(("sh", "-c", f"cat >> {SETTINGS}"), stdin=text)
    kills.arm(run)
    run.transhume("sync")


def _switch(run: Scene) -> list[str]:
    """Every change over which the guards watch, from the plan itself."""
    names = kills.cutover_changes(run)
    first, last = (
        next(n for n, name in enumerate(names) if name.startswith(f"{key}: ")) for key in _SWITCH
    )
    return names[first : last + 1]


def _die_at(run: Scene, change: str, moment: str, *words: str) -> None:
    kills.arm(run)
    assert kills.killed(run, moment, *(words or ("cutover", "--yes")), only=change) == change


def _holders(run: Scene) -> list[Machine]:
    held = [machine for machine in run.pair.machines if addresses(machine) & _PEOPLE]
    assert len(held) < 2, "two machines hold the address"
    return held


def _holds_alone(run: Scene, machine: Machine) -> bool:
    return _holders(run) == [machine] and addresses(machine) >= _PEOPLE


def _returned(run: Scene, before: Standing) -> None:
    """The source is found serving, as it was, with the address, and the target without it."""
    source = run.pair.source
    wait_until(lambda: _holds_alone(run, source), "the source to have its address", 4 * GUARD)
    wait_served(run.pair.name)
    # The address over which it is reached, and what follows it, stay until the way back.
    wait_until(lambda: standing(source).seen["active"] == before.seen["active"], "its services", 60)


def test_the_line_is_lost_for_good_right_after_the_switch(fresh: Scene) -> None:
    """Killed with the target's services started and the source cut off; the cable comes back.

    The target's core goes on to run, and would drive the source where that one's firewall lets it.
    """
    let_in(fresh.pair.source)
    before = standing(fresh.pair.source)
    _ready(fresh)
    started = next(name for name in _switch(fresh) if name.startswith("start: start"))
    with fresh.traffic(rate=2.0) as (sent, _):
        _die_at(fresh, started, "acted")
        network.pull(fresh.pair.name, "source")
        target = fresh.pair.target
        wait_until(lambda: not addresses(target) & _PEOPLE, "the target to give it up", 3 * GUARD)
        network.push(fresh.pair.name, "source")
        _returned(fresh, before)
        _drives_nobody(fresh)
        assert "transhume rollback" in refusal(typed(fresh, "cutover", "--yes"), 12)
        fresh.transhume("rollback")
        fresh.transhume("cutover", "--yes")
        fresh.transhume("verify")
        fresh.transhume("finish")
    assert _holds_alone(fresh, fresh.pair.target)
    recipient = fresh.filled["addresses"][0]
    result = compare(fresh.pair.source, fresh.pair.target, log=sent, probe_to=recipient)
    assert result.differences == []
    _no_guard_left(fresh)


def _drives_nobody(run: Scene) -> None:
    """The target's core asks for the node at the server's address, and hears nothing."""
    source, target = run.pair.machines
    script = "journalctl -u bm-core | grep -c 'node does not answer'"

    def unanswered() -> int:
        return int(target.exec(("sh", "-c", script), check=False).stdout or 0)

    asked = unanswered()
    wait_until(lambda: unanswered() > asked or driven(source) > 0, "the target's core to ask", 60)
    assert driven(source) == 0


def _state(machine: Machine) -> str:
    return machine.exec(("cat", "/etc/transhume/guard/state"), check=False).stdout.strip()


def _no_guard_left(run: Scene) -> None:
    for machine in run.pair.machines:
        left = machine.exec(
            ("sh", "-c", "ls -d /etc/transhume/guard /etc/systemd/system/*guard*"), check=False
        )
        assert left.stdout == ""


def test_killed_on_the_way_back_the_one_that_has_all_mail_serves(fresh: Scene) -> None:
    """First with the target stopped, then with all of it carried and the target still holding."""
    source, target = fresh.pair.machines
    _ready(fresh)
    with fresh.traffic(rate=2.0) as (sent, _):
        fresh.transhume("cutover", "--yes")
        _die_at(fresh, "stop-target: keep the services stopped", "acted", "rollback")
        wait_until(lambda: _state(target) == "returned", "the target to serve on", 4 * GUARD)
        wait_served(fresh.pair.name)
        assert _holds_alone(fresh, target)
        assert "transhume rollback" in refusal(typed(fresh, "finish"), 15)
        there = observe(target)
        _die_at(fresh, "rollback: confirm the switch on both", "done", "rollback")
        assert _holds_alone(fresh, target)
        wait_until(lambda: _holds_alone(fresh, source), "the source to take its address", 4 * GUARD)
        wait_served(fresh.pair.name)
        assert "transhume rollback" in refusal(typed(fresh, "cutover", "--yes"), 12)
        fresh.transhume("rollback")
        assert _holds_alone(fresh, source)
        wait_served(fresh.pair.name)
    result = compare(there, source, log=sent, probe_to=fresh.filled["addresses"][0])
    assert result.differences == []
    assert result.counts["accepted"] > 0
    _no_guard_left(fresh)


@pytest.mark.campaign
def test_a_tool_that_slept_too_long_goes_no_further(fresh: Scene) -> None:
    """Stopped by SIGSTOP in the switch until the source has come back: it must not go on."""
    before = standing(fresh.pair.source)
    _ready(fresh)
    target = fresh.pair.target
    script = "transhume cutover --yes; echo $? >/root/ended"
    target.exec(("systemd-run", "-q", "--unit=slept", "sh", "-c", script))
    wait_until(lambda: bool(addresses(target) & _PEOPLE), "the target to take the address", 120)
    target.exec(("systemctl", "kill", "-s", "STOP", "slept"))
    _returned(fresh, before)
    target.exec(("systemctl", "kill", "-s", "CONT", "slept"))
    ended = ("cat", "/root/ended")
    wait_until(lambda: target.exec(ended, check=False).returncode == 0, "it to give up", 120)
    assert target.exec(ended).stdout.strip() not in ("0", "")
    _returned(fresh, before)
    assert not typed(fresh, "rollback").returncode
    assert before.unlike(standing(fresh.pair.source)) == []


@pytest.mark.campaign
def test_both_machines_lose_their_power_at_every_change_of_the_switch(fresh: Scene) -> None:
    """And the tool with them. One holder within the guards' time, and never two."""
    before = standing(fresh.pair.source)
    _ready(fresh)
    *switch, last = _switch(fresh)
    # It gets as far as it can: what it made of the plan is what others can be cut off at.
    _power_lost(fresh, before, last, 0)
    for number, change in enumerate(kills.made(fresh, switch), start=1):
        _power_lost(fresh, before, change, number)


def _power_lost(run: Scene, before: Standing, change: str, number: int) -> None:
    """Both go off at this change, by turns at each of its moments, and come back; then all does."""
    moment = MOMENTS[number % len(MOMENTS)]
    _die_at(run, change, moment)
    began = time.monotonic()
    for machine in run.pair.machines if number % 2 else reversed(run.pair.machines):
        machine.kill()
        machine.start()
        machine.wait_login()
        _holders(run)
    wait_until(lambda: len(_holders(run)) == 1, "one holder", 4 * GUARD)
    say(f"{change} ({moment}): {_holders(run)[0]} after {time.monotonic() - began:.0f} s")
    if _holders(run) == [run.pair.source]:
        _returned(run, before)
    run.transhume("rollback")
    assert before.unlike(standing(run.pair.source)) == [], change
    run.transhume("sync")
