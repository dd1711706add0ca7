"""Databases begin to follow, go on after a kill, and are let go: in an order that harms nobody."""

from __future__ import annotations

import pytest

from tests.steps.replication.servers import (
    OBSTACLES,
    SERVER,
    SLOT,
    following,
    note,
    noted,
    pair,
    server,
    source,
    target,
)
from transhume.core.change import Change, Run, SeedDatabase, WriteFile, leaves
from transhume.core.host import Pair
from transhume.steps.replication import tunnel
from transhume.steps.replication.follow import Follow
from transhume.steps.replication.identity import Identity
from transhume.steps.replication.record import Record


def _changes(both: Pair) -> list[Change]:
    return list(Follow(following()).run(both))


def _inputs(change: Change) -> list[str]:
    return [act.input.decode() for act in leaves(change.act) if isinstance(act, Run)]


def _copied(both: Pair) -> dict[str, str]:
    """Each database that would be copied anew, by the change's title."""
    return {
        act.database: change.title
        for change in _changes(both)
        for act in leaves(change.act)
        if isinstance(act, SeedDatabase)
    }


def test_identity_then_publication_then_copy_then_subscription() -> None:
    both = pair()
    titles = [change.title for change in _changes(both)]
    assert titles == [
        "open the way to the source's PostgreSQL",
        "catch up with the databases",
        "note how bj-data was",
        "tell the rows of 1 tables of bj-data apart",
        "publish bj-data",
        "copy bj-data and follow (its copy was never whole)",
        "catch up with the databases",
        "note how bj is defined",
    ]
    copy = _changes(both)[5]
    kinds = [type(act).__name__ for act in leaves(copy.act)]
    assert kinds == ["Run", "Run", "Run", "SeedDatabase", "Run"]
    assert "create subscription" in _inputs(copy)[-1]


def test_tables_are_published_by_name() -> None:
    """A table that is made later would refuse updates if all were published."""
    publish = next(change for change in _changes(pair()) if change.title == "publish bj-data")
    (text,) = _inputs(publish)
    assert 'create publication "transhume" for table only "public"."t_server";' in text
    assert "all tables" not in text


def test_the_way_back_publishes_nothing_before_it_puts_identities_back() -> None:
    """The other way round the source's own updates would be refused."""
    alter = next(change for change in _changes(pair()) if change.title.startswith("tell the rows"))
    assert isinstance(alter.back, Run)
    text = alter.back.input.decode()
    assert text.index("drop publication") < text.index("replica identity default")


def test_no_password_stands_in_what_the_target_keeps() -> None:
    info = tunnel.conninfo("bj", "it's")
    assert "password=" not in info
    assert "passfile='/run/transhume-follow/passfile'" in info
    assert "dbname='it\\'s'" in info


def test_what_a_killed_run_altered_isnt_taken_for_the_tables_own() -> None:
    both = pair()
    note(both, "bj-data", Record("follow", identities=(Identity("public", "t_server", "n"),)))
    assert not any(change.title == "note how bj-data was" for change in _changes(both))
    publish = next(change for change in _changes(both) if change.title == "publish bj-data")
    assert isinstance(publish.back, Run)
    assert "replica identity nothing" in publish.back.input.decode()


@pytest.mark.parametrize(
    ("slot", "published", "word"),
    [
        ({**SLOT, "wal_status": "lost"}, True, "removed the log"),
        ({**SLOT, "restart_lsn": None}, True, "removed the log"),
        (None, True, "its slot on the source is gone"),
        (SLOT, False, "its publication on the source is gone"),
        ({**SLOT, "active": False}, True, "takes nothing more"),
    ],
)
def test_what_is_lost_is_copied_again(slot: object, published: bool, word: str) -> None:
    both = pair()
    source(both).held["to_jsonb(s)"] = [(slot, "0/20", 16, 0.1, published)]
    assert word in _copied(both)["bj"]


def test_a_table_that_was_altered_is_noticed() -> None:
    both = pair()
    source(both).held["with own as ( select c.oid, n.nspname"] = [("relation", "public.new", "rp")]
    assert "public.new was altered on the source" in _copied(both)["bj"]


def test_what_repacking_leaves_for_a_while_is_no_alteration() -> None:
    both = pair()
    held = source(both).held["with own as ( select c.oid, n.nspname"]
    assert not isinstance(held, Exception)
    passing = [("relation", "repack.log_1", "rp"), ("trigger", "public.t.repack_trigger", "O")]
    source(both).held["with own as ( select c.oid, n.nspname"] = [*held, *passing]
    assert "bj" not in _copied(both)


def test_until_the_restart_nothing_follows() -> None:
    both = pair()
    source(both).held[SERVER] = server()
    writes = [act for change in _changes(both) for act in leaves(change.act)]
    records = [noted(act.content) for act in writes if isinstance(act, WriteFile)]
    assert records == [Record("dump"), Record("dump")]


def test_one_that_cant_follow_any_more_is_let_go() -> None:
    both = pair()
    known = (Identity("public", "t_server", "d"),)
    note(both, "bj", Record("follow", identities=known))
    source(both).held[f"bj {OBSTACLES}"] = [("it holds large objects",)]
    let_go = _changes(both)[0]
    assert let_go.title == "let go of bj"
    texts = _inputs(let_go)
    assert "drop subscription" in texts[0]
    assert "pg_drop_replication_slot" in texts[1]
    assert "replica identity default" in texts[2]


def test_how_far_behind_each_is() -> None:
    both = pair()
    note(both, "bj-data", Record("dump"))
    (lag,) = Follow(following()).lag(both)
    assert (lag.part, lag.behind, lag.unit, lag.following) == ("bj", 16, "bytes", True)
    assert target(both).queries
