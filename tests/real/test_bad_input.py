"""What can't work is refused in one message that helps, and neither machine is touched."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest

from lab import network
from lab.machine import Machine
from lab.pair import Pair
from lab.places import CHECKOUT
from lab.scene import SOURCE, Scene
from tests.real.plants import PLANTS, locked, planted
from tests.real.stage import (
    SETTINGS,
    STATE,
    Seen,
    blocking,
    changed,
    edited,
    hidden,
    look_at_both,
    refusal,
    sql,
    typed,
)
from tests.schema import wrong

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]

OTHER = "/root/other.toml"
JOURNAL = f"{STATE}/journal.db"
SCHEMA = json.loads((CHECKOUT / "docs/findings.schema.json").read_text())
STATUS = "/var/lib/dpkg/status"
PLUGIN = "bm-plugin-core-ldap-import"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
Trouble = Callable[[Pair], AbstractContextManager[object]]


@pytest.fixture(scope="module")
def before(shared: Scene) -> Seen:
    return look_at_both(shared.pair)


@pytest.fixture
def run(shared: Scene, before: Seen) -> Iterator[Scene]:
    """Both machines are after each test as they were before all."""
    yield shared
    assert changed(before, look_at_both(shared.pair)) == []


def present(machine: Machine, path: str) -> bool:
    return machine.exec(("test", "-e", path), check=False).returncode == 0


def init(run: Scene, status: int, *words: str) -> str:
    """init into another file, which must not be there after it was refused."""
    told = refusal(typed(run, "init", *words, "--settings", OTHER), status)
    assert not present(run.pair.target, OTHER)
    return told


# --- the source


@pytest.mark.parametrize("where", ["root@nowhere.example.org", f"root@{network.MAINTENANCE.ipv4}"])
def test_a_source_that_nobody_is(run: Scene, where: str) -> None:
    told = init(run, 5, where)
    assert f"{where} can't be reached by ssh" in told
    assert f"ssh {where} true" in told


def test_a_source_that_lets_nobody_in(run: Scene) -> None:
    run.pair.source.exec(("systemctl", "stop", "ssh"))
    try:
        told = refusal(typed(run, "check"), 5)
    finally:
        run.pair.source.exec(("systemctl", "start", "ssh"))
    assert f"the source {SOURCE} can't be reached by ssh" in told


def test_a_source_that_is_no_bluemind(run: Scene) -> None:
    with edited(run.pair.source, STATUS, "/^Package: bm-/,/^$/d"):
        told = init(run, 10, SOURCE, "--host-key", _fingerprint(run))
        found = blocking(typed(run, "check", "--json"))
    assert "no BlueMind is installed on" in told
    assert found["no-bluemind"] == "source"


def test_another_fingerprint_than_the_expected(run: Scene) -> None:
    told = init(run, 6, SOURCE, "--host-key", "SHA256:" + "A" * 43)
    assert f"{SOURCE} shows the host key {_fingerprint(run)}" in told


def test_nobody_there_to_compare_the_fingerprint(run: Scene) -> None:
    told = init(run, 6, SOURCE)
    assert "wasn't confirmed" in told
    assert "--host-key" in told


def test_settings_that_are_there_already(run: Scene) -> None:
    before = run.pair.target.exec(("sha256sum", SETTINGS)).stdout
    told = refusal(typed(run, "init", SOURCE, "--host-key", _fingerprint(run)), 3)
    assert f"{SETTINGS} is there already" in told
    assert run.pair.target.exec(("sha256sum", SETTINGS)).stdout == before


def test_a_source_with_another_host_key_than_the_confirmed(run: Scene) -> None:
    with _new_host_key(run.pair.source):
        told = refusal(typed(run, "check"), 5)
    assert f"the machine that answers for {SOURCE} isn't the source that was confirmed" in told
    assert typed(run, "check").returncode == 0


@contextmanager
def _new_host_key(machine: Machine) -> Iterator[None]:
    with hidden(machine, HOST_KEY), hidden(machine, f"{HOST_KEY}.pub"):
        machine.exec(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", HOST_KEY))
        machine.exec(("systemctl", "restart", "ssh"))
        yield
    machine.exec(("systemctl", "restart", "ssh"))


def _fingerprint(run: Scene) -> str:
    return run.pair.source.exec(("ssh-keygen", "-lf", f"{HOST_KEY}.pub")).stdout.split()[1]


# --- what check sees


@contextmanager
def full(machine: Machine, path: str) -> Iterator[None]:
    """A file system there that has no room for what will come."""
    machine.exec(("mount", "-t", "tmpfs", "-o", "size=64k", "lab", path))
    try:
        yield
    finally:
        machine.exec(("umount", path))


@contextmanager
def row(machine: Machine, there: str, gone: str) -> Iterator[None]:
    sql(machine, "bj-data", there)
    try:
        yield
    finally:
        sql(machine, "bj-data", gone)


@contextmanager
def every(*troubles: AbstractContextManager[None]) -> Iterator[None]:
    with ExitStack() as stack:
        for trouble in troubles:
            stack.enter_context(trouble)
        yield


_EXCHANGED = (
    "insert into t_message_body (guid, size, created) values ('\\xfeed', 1, now());",
    "delete from t_message_body where guid = '\\xfeed';",
)
_ZONE = (
    "update t_calendar_vevent set recurid_timezone = 'US/Pacific' "
    "where item_id = (select min(item_id) from t_calendar_vevent);",
    "update t_calendar_vevent set recurid_timezone = null where recurid_timezone = 'US/Pacific';",
)
_INI = "/etc/bm/bm.ini"

TROUBLES: dict[str, tuple[str, str, Trouble]] = {
    "a program that is missing on the source": (
        "program-missing",
        "source",
        lambda pair: hidden(pair.source, "/usr/bin/rsync"),
    ),
    "a program that is missing on the target": (
        "program-missing",
        "target",
        lambda pair: hidden(pair.target, "/usr/bin/pg_restore"),
    ),
    "another version": (
        "version-differs",
        "target",
        lambda pair: edited(
            pair.target, STATUS, r"/^Package: bm-/,/^$/s/^Version: .*/Version: 5.1.0-1/"
        ),
    ),
    "a version that nobody described": (
        "version-unknown",
        "source",
        lambda pair: every(
            *(
                edited(each, STATUS, r"/^Package: bm-/,/^$/s/^Version: .*/Version: 4.9.3-1/")
                for each in pair.machines
            )
        ),
    ),
    "a plug-in that is missing": (
        "package-missing",
        "target",
        lambda pair: edited(pair.target, STATUS, f"/^Package: {PLUGIN}$/,/^$/d"),
    ),
    "another external-url": (
        "external-url",
        "target",
        lambda pair: edited(
            pair.target, _INI, "s/^external-url = .*/external-url = other.example.org/"
        ),
    ),
    "a target that holds newer mail": (
        "exchanged",
        "target",
        lambda pair: row(pair.target, *_EXCHANGED),
    ),
    "a time zone that the target doesn't know": (
        "timezone-unknown",
        "target",
        lambda pair: row(pair.source, *_ZONE),
    ),
    "no room": (
        "no-room",
        "target",
        lambda pair: full(pair.target, "/var/spool/bm-docs"),
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
def test_check_blocks(run: Scene, trouble: tuple[str, str, Trouble]) -> None:
    key, where, make = trouble
    with make(run.pair):
        done = typed(run, "check", "--json")
    assert blocking(done).get(key) == where


def test_the_unknown_time_zone_is_named_with_its_package(run: Scene) -> None:
    with row(run.pair.source, *_ZONE):
        done = typed(run, "check")
    assert "US/Pacific" in refusal(done, 10)
    assert "apt install tzdata-legacy" in " ".join(done.stdout.split())


def found(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What `check --json` printed, which is as its published schema says."""
    told: dict[str, Any] = json.loads(done.stdout)
    assert wrong(told, SCHEMA) == []
    return told


def findings(told: list[dict[str, str]]) -> set[tuple[str, str, str]]:
    return {(each["key"], each["severity"], each["where"]) for each in told}


def test_check_sees_all_that_is_planted_at_once_and_then_that_it_is_solved(run: Scene) -> None:
    wanted = {each.finding for each in PLANTS}
    with planted(run.pair):
        done = typed(run, "check", "--json")
    refusal(done, 10)
    seen = found(done)
    assert wanted - findings(seen["findings"]) == set()
    # What such a name says is never run, wherever its remedy is pasted.
    (remedy,) = [each["remedy"] for each in seen["findings"] if each["key"] == "role-missing"]
    assert shlex.split(remedy)[-2] == 'create role "o\'brien $(id)"'
    later = found(typed(run, "check", "--json"))
    assert wanted & findings(later["findings"]) == set()
    assert wanted - findings(later["since"]["solved"]) == set()


def test_a_locked_table_couldnt_be_checked_which_is_no_pass(run: Scene) -> None:
    with locked(run.pair.source):
        done = typed(run, "check", "--json")
    told = refusal(done, 10)
    assert "a table is locked" in told
    unknown = [each for each in found(done)["findings"] if each["severity"] == "unknown"]
    assert "servers" in {each["key"] for each in unknown}
    assert all("a table is locked" in each["seen"] and each["remedy"] for each in unknown)


def test_a_blocked_sync_touches_nothing(run: Scene) -> None:
    with edited(run.pair.target, STATUS, f"/^Package: {PLUGIN}$/,/^$/d"):
        told = refusal(typed(run, "sync"), 10)
    assert PLUGIN in told
    run.pair.target.exec(("rm", "-r", STATE))


# --- settings

WRONG = {
    "s/^jobs = 0/jbos = 0/": "databases.jbos",
    's/^jobs = 0/jobs = "many"/': "databases.jobs",
    "s/^jobs = 0/jobs = -1/": "databases.jobs",
    's/^trees = .*/trees = ["var\\/vmail"]/': "trees.0",
    's/^trees = .*/trees = ["\\/var\\/spool\\/..\\/..\\/etc"]/': "trees.0",
    's/^trees = .*/trees = ["\\/proc\\/1"]/': "trees.0",
    's/^state = .*/state = "\\/"/': "state",
    's/^how = .*/how = "magic"/': "address.how",
    "s/^service = .*/service = []/": "address",
    's/^ssh = .*/ssh = "-oProxyCommand=reboot"/': "source.ssh",
    "s/^jobs = 0/jobs =/": "isn't TOML",
}


@pytest.mark.parametrize(("script", "key"), WRONG.items())
def test_settings_that_make_no_sense(run: Scene, script: str, key: str) -> None:
    with edited(run.pair.target, SETTINGS, script):
        told = refusal(typed(run, "sync"), 3)
    assert f"the settings {SETTINGS}" in told
    assert key in told
    assert not present(run.pair.target, JOURNAL)


def test_settings_that_are_missing(run: Scene) -> None:
    with hidden(run.pair.target, SETTINGS):
        told = refusal(typed(run, "sync"), 3)
    assert f"the settings {SETTINGS} can't be read" in told
    assert "transhume init" in told


# --- this machine


@pytest.mark.parametrize(
    "words", [("init", SOURCE), ("check",), ("cutover", "--yes"), ("rollback",)]
)
def test_not_root(run: Scene, words: tuple[str, ...]) -> None:
    argv = ("runuser", "-u", "nobody", "--", "transhume", *words)
    told = refusal(run.pair.target.exec(argv, check=False), 4)
    assert "must run as root" in told


@pytest.mark.parametrize("program", ["ssh", "setpriv"])
def test_a_program_that_the_tool_itself_needs(run: Scene, program: str) -> None:
    with hidden(run.pair.target, f"/usr/bin/{program}"):
        told = refusal(typed(run, "check"), 4)
    assert f"the program {program} is missing" in told


# --- no move


@pytest.mark.parametrize("words", [("status",), ("rollback",), ("report",)])
def test_no_move_was_begun(run: Scene, words: tuple[str, ...]) -> None:
    told = refusal(typed(run, *words), 14)
    assert "no move was begun" in told
    assert not present(run.pair.target, JOURNAL)


def test_nothing_to_finish(run: Scene) -> None:
    told = refusal(typed(run, "finish"), 15)
    assert "the target doesn't serve yet" in told
    run.pair.target.exec(("rm", "-r", STATE))


@pytest.mark.parametrize("words", [(), ("cutver",), ("cutover", "--now")])
def test_a_command_line_that_makes_no_sense(run: Scene, words: tuple[str, ...]) -> None:
    done = typed(run, *words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr
