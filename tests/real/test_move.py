"""A user moves a server, mail flowing; what came of it is judged without the tool's own word."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator

import pytest

from lab import network, proof, scene
from lab.compare import compare, mail, queue
from lab.damage import DAMAGES
from lab.machine import Machine
from lab.pair import Pair
from lab.processes import process_list
from lab.scene import Scene
from lab.shell import wait_until
from lab.standing import standing
from lab.traffic import deliver_one
from tests.real.stage import (
    PEOPLE,
    SMALL,
    STATE,
    addresses,
    refused,
    turned_away,
    untouched,
    wait_served,
    waits,
)

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]

SERVICE, MAINTENANCE, OWN = network.SERVICE, network.MAINTENANCE, network.TARGET
# Where it shows on the source that it is followed: the tracker, and PostgreSQL's settings.
_FOLLOWED = {"units", "left behind", "replication"}
_SOME_DAMAGE = ("a missing body", "a split hard link", "a lost index", "a lost queue file")
_QUIET = ("files", "addresses", "routes", "units", "active", "doors", "databases")


# --- Debian 11 to Debian 13


def test_a_whole_move_with_mail_flowing(fresh: Scene) -> None:
    run, recipient = fresh, fresh.filled["addresses"][0]
    old, new = (list(_secrets(machine)) for machine in run.pair.machines)
    queued = queue.stuck(run.pair.source)
    assert len(queued) == 5
    with run.traffic() as (sent, _):
        _until_the_switch(run)
        shown = _switch(run)
        run.transhume("verify")
    assert turned_away(sent) == []
    _damage_is_named(run)
    run.transhume("verify")
    run.transhume("finish")
    _kept_secret(run, old, new, shown)
    _told(run)
    result = compare(run.pair.source, run.pair.target, log=sent, probe_to=recipient)
    assert result.differences == []
    assert result.counts["accepted"] > 0
    assert queue.stuck(run.pair.target) == queued
    for machine in run.pair.machines:
        machine.reboot()
    _stands_in_its_place(run)
    _fenced(run)


def _damage_is_named(run: Scene) -> None:
    """Also where people have worked since; make proof does all of them."""
    for damage in DAMAGES:
        if damage.name in _SOME_DAMAGE:
            outcome = proof.tried(run, damage)
            assert proof.right(outcome), outcome
    run.transhume("verify", "--full")


def _until_the_switch(run: Scene) -> None:
    run.begin()
    before = standing(run.pair.source)
    run.transhume("check")
    plan = json.loads(run.transhume("plan", "--json").stdout)
    assert sorted({row for step in plan["steps"] for row in step["rows"]}) == list(range(1, 22))
    assert plan["point_of_no_return"] == "forget-return"
    run.transhume("sync")
    run.transhume("sync")
    with untouched(run.pair, *_QUIET):
        assert "Nothing was changed" in run.transhume("cutover").stdout
    unlike = before.unlike(standing(run.pair.source))
    assert {item.partition(":")[0] for item in unlike} <= _FOLLOWED, unlike


def _switch(run: Scene) -> list[str]:
    source, target = run.pair.machines
    with process_list(source) as there, process_list(target) as here:
        run.transhume("cutover", "--yes")
    assert any("psql" in line for line in here), "nobody looked while it worked"
    assert any("rsync --server" in line for line in there), "nobody looked while it worked"
    return there + here


def _secrets(machine: Machine) -> Iterator[str]:
    ini = machine.exec(("cat", "/etc/bm/bm.ini")).stdout
    found = re.search(r"(?m)^password = (\S+)$", ini)
    assert found
    yield found[1]
    yield machine.exec(("cat", "/etc/bm/bm-core.tok")).stdout.strip()


def _kept_secret(run: Scene, old: list[str], new: list[str], shown: list[str]) -> None:
    """No password and no token on a command line or in the journal.

    What the target had of its own is kept aside, in its own files.
    """
    assert all(len(secret) > 8 for secret in old + new)
    assert [line for line in shown if any(secret in line for secret in old + new)] == []
    assert _holding(run, old) == ""
    assert _holding(run, new, "--exclude-dir=kept") == ""


def _holding(run: Scene, secrets: list[str], *options: str) -> str:
    """The files of the state folder that hold one of these."""
    script = f'test -s {STATE}/journal.db && grep -rlaF "$@" -f /dev/stdin {STATE}'
    argv = ("sh", "-c", script, "grep", *options)
    done = run.pair.target.exec(argv, "\n".join(secrets), check=False)
    assert done.returncode == (0 if done.stdout else 1), done.stderr
    return done.stdout


def _told(run: Scene) -> None:
    status = json.loads(run.transhume("status", "--json").stdout)
    assert status["finished"]
    assert status["past_return"]
    assert not status["service"]["down"]
    assert len(status["service"]["outages"]) == 1
    assert status["problem"] is None
    assert all(proof["whole"] for proof in status["proofs"])
    run.transhume("report", "--output", "/root/report.html")
    page = run.pair.target.exec(("cat", "/root/report.html")).stdout
    assert "was moved to a new server" in page


def _stands_in_its_place(run: Scene) -> None:
    assert addresses(run.pair.source) == {MAINTENANCE.v4, MAINTENANCE.v6}
    assert addresses(run.pair.target) == {SERVICE.v4, SERVICE.v6, OWN.v4, OWN.v6}
    wait_served(run.pair.name)
    for address in PEOPLE:
        assert deliver_one(run.pair.name, run.filled["addresses"][1], address)


def _fenced(run: Scene) -> None:
    """The source has come up, and serves nobody."""
    script = (
        "systemctl list-unit-files --no-legend --plain 'bm-*' 'bluemind.target' 'postfix.service'"
    )
    units = run.pair.source.exec(("sh", "-c", script)).stdout.splitlines()
    assert {line.split()[1] for line in units} == {"masked"}, units
    for address in (MAINTENANCE.ipv4, MAINTENANCE.ipv6):
        for port in (443, 8090, 8022):
            assert refused(run.pair.name, address, port), f"{address} port {port}"
        assert waits(run.pair.name, address, 25), f"{address} port 25"


# --- Debian 12 to Debian 13, other network managers, and back after the opening


@pytest.fixture
def other() -> Iterator[Scene]:
    with Pair.up("other", "bookworm", "trixie", "netplan", "NetworkManager") as pair:
        yield scene.build(pair, **SMALL)


def test_a_move_that_is_taken_back_after_the_opening(other: Scene) -> None:
    run, name = other, other.pair.name
    before = standing(run.pair.source)
    run.begin()
    run.transhume("cutover", "--yes")
    for machine in run.pair.machines:
        machine.reboot()
    _stands_in_its_place(run)
    _fenced(run)
    run.transhume("rollback", "--lose-new-mail")
    wait_served(name)
    assert before.unlike(standing(run.pair.source)) == []
    _the_source_serves(run)
    for machine in run.pair.machines:
        machine.reboot()
    _the_source_serves(run)


def _the_source_serves(run: Scene) -> None:
    name = run.pair.name
    assert addresses(run.pair.source) == {SERVICE.v4, SERVICE.v6}
    assert addresses(run.pair.target) == {OWN.v4, OWN.v6}
    wait_served(name)
    for address in PEOPLE:
        marker = deliver_one(name, run.filled["addresses"][2], address)
        assert marker
        _stored(run.pair.source, marker)
    for port in (25, 443):
        assert refused(name, OWN.ipv4, port)


def _stored(machine: Machine, marker: str) -> None:
    wait_until(lambda: marker in mail.stored(machine), f"{marker} to be stored", 60)
