"""The comparison must be able to say no: each kind of damage is found, and only damage."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.compare import Comparison, Side, inside, mail, maps, queue, sides, trees
from lab.compare.databases import Rows, rows_sql
from lab.standin.machine import zstd
from lab.standin.machine.accounts import uid_of
from lab.traffic import Accepted

FILE = {"type": "-", "mode": 0o644, "owner": "cyrus", "mtime": 5, "content": "abc"}
SIDE = Side(
    horizon="2026-11-22 12:00:00",
    data={"/var/spool/cyrus/a": FILE},
    configuration={"/etc/bm/bm.ini": FILE},
    cluster={"database bj": "bj UTF8"},
    objects={"bj": {"index i": "t 1"}},
    sequences={"bj": {"s": 10}},
    rows={"bj": {"t": Rows(2, "77"), "t_container_sequence": Rows(1, "5")}},
    maps={},
    queue=["1 255 a b", "1 255 a b"],
)


def differences(found: Side) -> list[str]:
    result = Comparison()
    trees_differ = sides.tree_differences(SIDE, found, {"aa"}, result)
    databases_differ = sides.database_differences(SIDE, found, result)
    return [*trees_differ, *databases_differ, *sides.queue_differences(SIDE, found)]


def test_equal_sides_are_equal() -> None:
    assert differences(SIDE) == []


@pytest.mark.parametrize(
    "damage",
    [
        {"data": {}},
        {"data": {"/var/spool/cyrus/a": {**FILE, "content": "abd"}}},
        {"data": {"/var/spool/cyrus/a": {**FILE, "owner": "telegraf"}}},
        {"data": {"/var/spool/cyrus/a": {**FILE, "mtime": 6}}},
        {"data": {**SIDE.data, "/var/spool/cyrus/b.zst": FILE}},
        {"configuration": {}},
        {"queue": ["1 255 a b"]},
        {"cluster": {"database bj": "postgres UTF8"}},
        {"objects": {"bj": {}}},
        {"objects": {"bj": {"index i": "f 1"}}},
        {"sequences": {"bj": {"s": 9}}},
        {"rows": {"bj": {**SIDE.rows["bj"], "t": Rows(1, "77")}}},
        {"rows": {"bj": {**SIDE.rows["bj"], "t": Rows(2, "78")}}},
        {"rows": {"bj": {"t": Rows(2, "77")}}},
        {"rows": {"bj": {**SIDE.rows["bj"], "t_container_sequence": Rows(0, "5")}}},
    ],
)
def test_each_damage_is_one_difference(damage: dict[str, Any]) -> None:
    assert len(differences(replace(SIDE, **damage))) == 1


@pytest.mark.parametrize(
    "growth",
    [
        {"data": {**SIDE.data, "/var/spool/cyrus/aa.zst": FILE}},
        {"configuration": {"/etc/bm/bm.ini": {**FILE, "mtime": 6}}},
        {"sequences": {"bj": {"s": 11}}},
        {"rows": {"bj": {**SIDE.rows["bj"], "t_container_sequence": Rows(1, "6")}}},
        {"rows": {"bj": {**SIDE.rows["bj"], "t_container_sequence": Rows(2, "6")}}},
    ],
)
def test_mail_that_came_in_since_is_no_damage(growth: dict[str, Any]) -> None:
    assert differences(replace(SIDE, **growth)) == []


def test_a_side_can_be_kept(tmp_path: Path) -> None:
    SIDE.save(tmp_path / "side")
    assert Side.load(tmp_path / "side") == SIDE


def test_what_was_expected_does_not_count() -> None:
    result = Comparison()
    result.add("tree /etc/bm/subscription.bmz: content", ["tree /etc/bm/subscription.bmz*"])
    assert result.equal
    result.add("tree /etc/bm/mcast.id: missing", ["tree /etc/bm/subscription.bmz*"])
    assert not result.equal


def test_the_fate_of_each_message() -> None:
    place = f"inbox.{uid_of('a@example.org')}"
    sent = [
        Accepted(marker, "a@example.org", 0.0, marker == "doubtful")
        for marker in ("fine", "lost", "twice", "doubtful", "astray")
    ]
    held = {
        "fine": [place],
        "twice": [place, place],
        "doubtful": [place, place],
        "astray": ["inbox.other"],
    }
    found = mail.fate(sent, held)
    assert found == mail.Fate(5, ("lost",), ("twice",), ("doubtful",), ("astray",))


def test_dated_tables_stop_at_the_horizon() -> None:
    assert "created <= '2026'" in rows_sql("t_message_body", "2026")
    assert "WHERE" not in rows_sql("t_systemconf", "2026")


def test_maps_are_read_as_postfix_writes_them() -> None:
    assert maps.parse("a@example.org\tlmtp:192.0.2.10:2400\nexample.org   OK\n") == {
        "a@example.org": "lmtp:192.0.2.10:2400",
        "example.org": "OK",
    }


def test_only_messages_without_a_way_out_are_stuck() -> None:
    entry = (
        '{"arrival_time": 1, "message_size": 2, "sender": "a", "recipients": [{"address": "%s"}]}'
    )
    assert queue.parse(entry % "b@example.org") == []
    assert queue.parse(entry % "b@[192.0.2.99]") == ["1 2 a b@[192.0.2.99]"]


def test_what_vanishes_while_a_manifest_is_made_isnt_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index merges its files all the time."""
    (tmp_path / "stays").touch()
    kept = str(tmp_path / "stays")
    monkeypatch.setattr(inside, "walk", lambda top: [kept, f"{tmp_path}/went"])
    assert [path for path, _ in inside.manifest([str(tmp_path)])] == [kept]


def test_a_manifest_sees_links_and_odd_names(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff\n-rf"
    Path(os.fsdecode(odd)).write_bytes(b"odd")
    os.link(odd, tmp_path / "other")
    (tmp_path / "link").symlink_to("nowhere")
    found = dict(inside.manifest([str(tmp_path)]))
    assert found[os.fsdecode(odd)]["linked"] == found[str(tmp_path / "other")]["linked"]
    assert found[str(tmp_path / "link")]["content"] == "nowhere"


@pytest.mark.parametrize(
    ("content", "wrong"),
    [(b"mail", None), (b"other", "another digest"), (b"cut", "cut off"), (None, "missing")],
)
def test_a_body_must_be_what_its_name_says(
    content: bytes | None, wrong: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inside, "_TIERS", (str(tmp_path),))
    name = hashlib.sha1(b"mail").hexdigest()
    path = tmp_path / name[0] / name[1] / f"{name}.zst"
    path.parent.mkdir(parents=True)
    if content is not None:
        packed = zstd.compress(content)
        path.write_bytes(packed[:-2] if content == b"cut" else packed)
    found = inside.body(name)
    assert found is None if wrong is None else wrong in str(found)


def test_only_new_bodies_may_be_extra() -> None:
    extra = [trees.Unlike("/x/aa.zst", "extra"), trees.Unlike("/x/bb.zst", "extra")]
    assert trees.without_arrived(extra, {"aa"}) == [extra[1]]


def test_a_body_that_arrived_since_may_be_half_on_the_source_but_must_be_there() -> None:
    half = trees.Unlike("/x/aa.zst", "content 'x' became 'y'")
    gone = trees.Unlike("/x/bb.zst", "missing")
    other = trees.Unlike("/x/cc.zst", "content 'x' became 'y'")
    assert trees.without_arrived([half, gone, other], {"aa", "bb"}) == [gone, other]
