"""The end of following: what can't come to its end is dumped, whatever was killed before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest

from tests.steps.replication.servers import (
    SLOT,
    TAKING,
    following,
    note,
    noted,
    pair,
    source,
    target,
)
from transhume.core.change import Change, Run, WriteFile, leaves
from transhume.core.finding import Proof, stopping
from transhume.core.host import Pair
from transhume.errors import StepFailed
from transhume.steps.replication import finish, hot_proof
from transhume.steps.replication.finish import FinishDatabases, Ready
from transhume.steps.replication.hot_proof import Base, Ledger
from transhume.steps.replication.identity import Identity
from transhume.steps.replication.record import Record

LEDGER = Ledger(following(), "/var/lib/transhume/proved")
KNOWN = Record("follow", identities=(Identity("public", "t_server", "d"),))


def _pair(record: Record = KNOWN) -> Pair:
    both = pair()
    note(both, "bj", record)
    note(both, "bj-data", Record("dump"))
    return both


def _changes(both: Pair) -> list[Change]:
    return list(FinishDatabases(following(), LEDGER).run(both))


def _acts(both: Pair) -> list[str]:
    """Each act of the first change in a word."""
    words = (
        "exception",
        "setval",
        "drop subscription",
        "drop_replication_slot",
        "drop publication",
    )
    told = []
    for act in leaves(_changes(both)[0].act):
        if isinstance(act, WriteFile):
            told.append(f"note {noted(act.content).how} {noted(act.content).position}")
        elif isinstance(act, Run):
            told.append(next(word for word in words if word in act.input.decode()))
    return told


_APART = ["drop subscription", "drop_replication_slot", "drop publication"]


def test_the_rest_is_taken_and_noted_and_people_wait_for_nothing_else() -> None:
    assert _acts(_pair()) == ["exception", "setval", "note follow 0/20"]


def test_sequences_and_identities_are_exactly_the_sources() -> None:
    _, rest = [act for act in leaves(_changes(_pair())[0].act) if isinstance(act, Run)][:2]
    text = rest.input.decode()
    assert "'alter subscription %I disable'" in text
    assert '(\'"public"."s"\', 4, true)' in text
    assert 'alter table only "public"."t_server" replica identity default;' in text
    # Durable: the subscription itself commits without waiting for the disk.
    assert "pg_logical_emit_message(true" in text


def test_the_source_is_asked_once_to_wait_for_all() -> None:
    """Each command takes a place of those that ssh serves at the same time."""
    both = _pair()
    note(both, "bj-data", KNOWN)
    for question, rows in list(target(both).held.items()):
        if question.endswith("bj-data") and not rows:
            target(both).held[question] = [("transhume_5", True)]
    (change,) = _changes(both)
    first, *rest = [act for act in leaves(change.act) if isinstance(act, Run)]
    assert first.place == "source"
    assert first.input.count(b"raise exception") == 2
    assert {act.place for act in rest} == {"target"}


def test_one_that_fell_out_is_let_go_and_dumped() -> None:
    for rows in (
        [({**SLOT, "wal_status": "lost"}, "0/20", 16, None, True)],
        [(None, "0/2", 0, None, True)],
    ):
        both = _pair()
        source(both).held["to_jsonb(s)"] = rows
        assert _acts(both) == [*_APART, "note dump "]


def test_a_table_that_was_altered_in_the_last_moment_means_a_dump() -> None:
    both = _pair()
    source(both).held["with own as ( select c.oid, n.nspname"] = [("relation", "public.new", "rp")]
    assert _acts(both) == [*_APART, "note dump "]


def test_while_everyone_waits_unaltered_definitions_arent_compared_again() -> None:
    both = _pair(replace(KNOWN, definitions="ab12"))
    source(both).held["with own as ( select c.oid, n.nspname"] = StepFailed(
        "that would take its time"
    )
    assert _acts(both)[0] == "exception"


def test_the_admin_may_choose_the_dump_also_while_everyone_waits() -> None:
    ends = FinishDatabases(following("dump"), LEDGER).run(_pair())
    writes = [act for act in leaves(next(ends).act) if isinstance(act, WriteFile)]
    assert [noted(act.content) for act in writes] == [Record("dump")]


def test_what_came_to_its_end_is_believed_while_it_is_the_sources() -> None:
    both = _pair(Record("follow", "0/20"))
    target(both).held[TAKING] = []
    assert _changes(both) == []
    assert stopping(FinishDatabases(following(), LEDGER).verify(both)) == []
    target(both).held["select 0::int, last_value, is_called"] = [(0, 3, True)]
    assert _acts(both) == [*_APART, "note dump "]


def _proved_hot(record: Record) -> Pair:
    """It came to its end, and of its rows only what changed since the hot proof is compared."""
    both = _pair(record)
    target(both).files[LEDGER.path("bj")] = json.dumps(asdict(Base(5, 1, 1))).encode()
    target(both).held["select oid::bigint from pg_database"] = [(5,)]
    target(both).held[TAKING] = []
    source(both).held["coalesce(to_jsonb(s) ->> 'wal_status'"] = [(True,)]
    source(both).held["pg_logical_slot_peek_binary_changes"] = []
    return both


@pytest.mark.parametrize("definitions", ["", "as before"])
def test_a_table_made_after_its_end_means_a_dump(definitions: str) -> None:
    """Somebody started the source again: its core makes a table, of which no row tells."""
    both = _proved_hot(Record("follow", "0/20", definitions=definitions))
    step = FinishDatabases(following(), LEDGER)
    assert (_changes(both), stopping(step.verify(both))) == ([], [])
    source(both).held["with own as ( select c.oid, n.nspname"] = [("relation", "public.new", "rp")]
    (told,) = stopping(step.verify(both))
    assert "relation public.new" in told
    assert _acts(both) == [*_APART, "note dump "]


def test_what_came_to_its_end_isnt_read_whole_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before the step was noted: while everyone waits only what changed is compared."""

    def whole(*_: object, **__: object) -> Iterator[Proof]:
        raise AssertionError("that would take as long as the database is large")

    monkeypatch.setattr(hot_proof, "prove", whole)
    monkeypatch.setattr(finish, "prove", whole, raising=False)
    assert _changes(_proved_hot(Record("follow", "0/20"))) == []


def test_a_target_that_still_takes_changes_isnt_finished() -> None:
    both = _pair(Record("follow", "0/20"))
    target(both).held[TAKING] = [("bj", "transhume_16385")]
    found = [
        item
        for item in FinishDatabases(following(), LEDGER).verify(both)
        if not isinstance(item, Proof)
    ]
    assert [item.key for item in found] == ["still-following"]


def test_whoever_neither_follows_nor_is_dumped_stops_the_switch() -> None:
    (found,) = [
        item
        for item in FinishDatabases(following(), LEDGER).verify(_pair())
        if not isinstance(item, Proof)
    ]
    assert (found.key, found.severity) == ("not-finished", "blocks")


def test_before_the_freeze_each_must_follow_without_a_doubt() -> None:
    both = _pair()
    assert [change.title for change in Ready(following()).run(both)] == [
        "open the way to the source's PostgreSQL",
        "catch up with the databases",
    ]
    assert list(Ready(following()).verify(both)) == []
    source(both).held["with own as ( select c.oid, n.nspname"] = [("relation", "public.new", "rp")]
    (found,) = Ready(following()).verify(both)
    assert found.severity == "blocks"


def test_without_a_follower_nothing_is_waited_for() -> None:
    assert list(Ready(following()).run(_pair(Record("dump")))) == []
