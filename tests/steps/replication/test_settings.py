"""The source's PostgreSQL gets what a follower needs, and gets back what it had, byte for byte."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.steps.replication.servers import CONF, SERVER, following, pair, server, source
from transhume.core.change import Change, Run, Series, WriteFile
from transhume.core.host import Pair
from transhume.steps.replication.settings import PrepareSource, without


def _changes(both: Pair, restart: str = "now") -> list[Change]:
    return list(PrepareSource(following(restart=restart)).run(both))


def _minimal(major: int = 13) -> Pair:
    both = pair()
    source(both).held[SERVER] = server(major=major)
    return both


def _written(change: Change) -> bytes:
    assert isinstance(change.act, Series)
    assert isinstance(change.act.acts[0], WriteFile)
    return change.act.acts[0].content


def test_one_change_sets_and_restarts_and_its_way_back_has_the_former_bytes() -> None:
    (change,) = _changes(_minimal())
    added = _written(change).removeprefix(b"work_mem = '4MB'\n").decode()
    values = dict(re.findall(r"(?m)^(\w+) = '(\w+)'$", added))
    assert values == {
        "wal_level": "logical",
        "max_wal_senders": "10",
        "max_replication_slots": "10",
        "max_slot_wal_keep_size": "476MB",
    }
    assert isinstance(change.back, Series)
    write, reload = change.back.acts
    assert write == WriteFile("source", CONF, b"work_mem = '4MB'\n", "0600", "postgres:postgres")
    assert isinstance(reload, Run)


def test_the_way_back_shuts_nobody_out_again() -> None:
    """It comes last, when the source serves already: what it had holds from its next restart on."""
    (change,) = _changes(_minimal())
    assert isinstance(change.back, Series)
    typed = " ".join(str(command) for command in change.back.commands())
    assert "systemctl restart" not in typed
    assert "pg_reload_conf" in typed


def test_an_older_server_doesnt_know_the_bound() -> None:
    (change,) = PrepareSource(following("replicate")).run(_minimal(12))
    assert b"wal_level" in _written(change)
    assert b"max_slot_wal_keep_size" not in _written(change)


def test_at_its_hour_a_timer_does_it_once() -> None:
    both = _minimal()
    (change,) = _changes(both, "03:30")
    assert isinstance(change.act, Series)
    timer = change.act.acts[1]
    assert isinstance(timer, Run)
    assert timer.argv[0] == "systemd-run"
    assert "--on-calendar=*-*-* 03:30:00" in timer.argv
    source(both).units["transhume-restart.timer"] = ("active", "")
    assert _changes(both, "03:30") == []
    assert list(PrepareSource(following(restart="03:30")).verify(both)) == []


@pytest.mark.parametrize("restart", ["now", "never"])
def test_nothing_is_done_where_it_can_be_followed_already(restart: str) -> None:
    assert _changes(pair(), restart) == []


def test_a_server_that_can_be_followed_gets_its_bound_without_a_restart() -> None:
    both = pair()
    source(both).held[SERVER] = server("logical", senders=10, bounded=False)
    (change,) = _changes(both, "never")
    assert b"max_slot_wal_keep_size" in _written(change)
    assert isinstance(change.act, Series)
    assert isinstance(change.act.acts[1], Run)
    assert b"pg_reload_conf" in change.act.acts[1].input


@pytest.mark.parametrize("restart", ["now", "never"])
def test_what_the_next_restart_would_take_away_is_written_without_one(restart: str) -> None:
    """After a way back the server runs on with what its file doesn't have any more: with a slot
    it wouldn't start again."""
    both = pair()
    source(both).held[SERVER] = server("logical", senders=10, lasting=False)
    (change,) = _changes(both, restart)
    assert b"wal_level = 'logical'" in _written(change)
    assert isinstance(change.act, Series)
    assert isinstance(change.act.acts[1], Run)
    assert b"pg_reload_conf" in change.act.acts[1].input


def _few(slots: int, fixed: str = "") -> Pair:
    """Two databases can follow there, but the proof of each needs a slot of its own."""
    both = pair()
    source(both).held[SERVER] = server("logical", senders=10, slots=slots, fixed=fixed)
    return both


def _found(both: Pair, restart: str = "now") -> dict[str, str]:
    step = PrepareSource(following(restart=restart))
    return {found.key: found.seen for found in step.check(both)}


def test_too_few_slots_for_the_proof_are_a_reason_to_restart() -> None:
    (change,) = _changes(_few(3))
    assert b"max_replication_slots = '10'" in _written(change)
    assert "max_replication_slots is 3" in _found(_few(3))["postgresql-restart"]
    assert _changes(_few(4)) == []


@pytest.mark.parametrize(("restart", "fixed"), [("never", ""), ("now", "max_wal_senders")])
def test_where_they_cant_be_had_it_is_said_and_the_databases_follow(
    restart: str, fixed: str
) -> None:
    both = _few(2, fixed)
    assert _changes(both, restart) == []
    assert "no-slot-for-proof" in _found(both, restart)
    assert set(following(restart=restart).choices(both).values()) == {""}
    assert "no-slot-for-proof" not in _found(_few(4, fixed), restart)


def test_a_restart_that_brought_nothing_is_told() -> None:
    (found,) = PrepareSource(following()).verify(_minimal())
    assert getattr(found, "severity", "") == "blocks"


@given(st.binary().filter(lambda content: b"transhume" not in content))
def test_only_the_own_lines_are_taken_away(content: bytes) -> None:
    before = content if content.endswith(b"\n") or not content else content + b"\n"
    block = b"# transhume: begin\nwal_level = 'logical'\n# transhume: end\n"
    assert without(before + block) == before
