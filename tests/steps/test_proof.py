"""The proof at any time: what people did since the opening isn't held against the copy."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.machines import servers
from tests.fakes import FakeHost
from tests.steps.disk import two
from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.errors import Unreachable
from transhume.steps.bodies import Bodies
from transhume.steps.proof import Subject
from transhume.steps.trees import Tree

OPENED = 1_700_000_000.0
LIVE, ARCHIVE = "/mail/data/by_hash", "/archive/by_hash"
BODIES = Bodies((LIVE, ARCHIVE), "bj-data", "t_message_body", "guid")
NEW, OLD = OPENED + 60, OPENED - 60
_BODY = f"{LIVE}/a/b/{'ab' * 20}.zst"
_MOVED = f"{ARCHIVE}/a/b/{'ab' * 20}.zst"


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    """Equal ones from before the opening."""
    for place in ("source", "target"):
        for name in ("/docs/inner/kept", "/mail/inner/kept", "/churns/kept", _BODY, "/archive/x"):
            path = Path(f"{tmp_path}/{place}{name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"content")
        _age(tmp_path / place, OLD)
    return tmp_path


def _age(top: Path, seconds: float) -> None:
    for folder, folders, files in os.walk(top, topdown=False):
        for name in (*files, *folders):
            os.utime(Path(folder, name), (seconds, seconds))


def _seen(
    folder: Path, rows: tuple[str, ...] = (), opened: float = OPENED, full: bool = False
) -> dict[str, Proof]:
    pair = two(folder)
    assert isinstance(pair.source, FakeHost)
    assert isinstance(pair.target, FakeHost)
    pair.source.folders = {"/docs", "/mail", "/archive", "/churns"}
    for host in (pair.source, pair.target):
        host.held |= {"archive_kind": [("cyrus",)], "limit 50000": []}
        host.held["= any("] = [(name,) for name in rows]
    wanted = (Tree("/docs"), Tree("/mail"), Tree("/archive"), Tree("/churns", churns=True))
    subject = Subject(wanted, (), BODIES, full, opened)
    return {proof.part: proof for proof in subject.proofs(pair)}


def _write(folder: Path, name: str, at: float, content: bytes = b"longer content") -> None:
    path = Path(f"{folder}/target{name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (at, at))
    os.utime(path.parent, (at, at))


def test_bodies_are_read_on_the_target_whatever_is_read_on_both(trees: Path) -> None:
    """Each of them, without being asked to read every byte: its name says what it holds."""
    pair = two(trees)
    for host in (pair.source, pair.target):
        assert isinstance(host, FakeHost)
        host.folders = {LIVE}
        host.held["archive_kind"] = [(None,)]
        host.held["= any("] = []
        host.held['from "t_message_body" where'] = [("ab" * 20,)]
    proofs = {proof.part: proof for proof in Subject((), (), BODIES, False, 0).proofs(pair)}
    assert proofs["bodies: files"].whole
    assert proofs["bodies: content"].compared == 1
    assert "damaged on the source already" in proofs["bodies: content"].notes[0]


def test_nothing_differs_by_itself(trees: Path) -> None:
    assert all(proof.whole and not proof.since for proof in _seen(trees).values())


@pytest.mark.parametrize("name", ["/docs/inner/kept", "/docs/inner/new", "/docs/newer/new"])
def test_what_people_wrote_since_isnt_a_difference(trees: Path, name: str) -> None:
    _write(trees, name, NEW)
    proof = _seen(trees)["/docs"]
    assert proof.whole
    assert proof.since > 0
    assert not _seen(trees, opened=0)["/docs"].whole


def _chmod(path: Path) -> None:
    path.chmod(0o600)
    os.utime(path, (NEW, NEW))


def _flip(path: Path) -> None:
    path.write_bytes(b"CONTENT")
    os.utime(path, (OLD, OLD))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("/docs/inner/kept", Path.unlink),
        ("/docs/inner/kept", lambda path: path.chmod(0o600)),
        ("/docs/inner/kept", _chmod),
        ("/docs/inner/kept", _flip),
        ("/churns/kept", _flip),
        ("/docs/inner/old", _flip),
    ],
)
def test_what_nobody_does_by_working_is_a_difference(
    trees: Path, name: str, damage: Callable[[Path], object]
) -> None:
    damage(Path(f"{trees}/target{name}"))
    told = [line for proof in _seen(trees, full=True).values() for line in proof.differing]
    top = name.split("/")[1]
    assert [line.partition(": ")[0] for line in told] == [name.removeprefix(f"/{top}/")]


def test_where_files_come_and_go_what_is_missing_has_gone(trees: Path) -> None:
    (trees / "target/churns/kept").unlink()
    _write(trees, "/churns/index-8", NEW)
    assert _seen(trees)["/churns"].whole


@pytest.mark.parametrize(("rows", "whole"), [((), True), (("ab" * 20,), False)])
def test_a_body_that_is_missing_has_gone_with_its_row_or_is_lost(
    trees: Path, rows: tuple[str, ...], whole: bool
) -> None:
    Path(f"{trees}/target{_BODY}").unlink()
    assert _seen(trees, rows)["/mail"].whole is whole


def test_a_body_that_moved_to_the_archive_isnt_lost(trees: Path) -> None:
    _write(trees, _MOVED, OLD)
    Path(f"{trees}/target{_BODY}").unlink()
    for folder in ("archive", "archive/by_hash", "archive/by_hash/a", "archive/by_hash/a/b"):
        os.utime(trees / "target" / folder, (NEW, NEW))
    seen = _seen(trees, ("ab" * 20,))
    assert seen["/mail"].whole
    assert seen["/archive"].whole


@pytest.mark.parametrize("rows", [("cd" * 20,), ()])
def test_a_body_that_came_has_a_row(trees: Path, rows: tuple[str, ...]) -> None:
    _write(trees, f"{LIVE}/c/d/{'cd' * 20}.zst", NEW)
    os.utime(trees / "target/mail/data/by_hash", (NEW, NEW))
    os.utime(trees / "target/mail/data/by_hash/c", (NEW, NEW))
    assert _seen(trees, rows)["/mail"].whole is bool(rows)


def test_a_body_never_changes(trees: Path) -> None:
    _write(trees, _BODY, NEW)
    assert not _seen(trees, ("ab" * 20,))["/mail"].whole


def test_what_cant_be_compared_is_a_difference_and_the_rest_is_proved() -> None:
    pair = servers()
    assert isinstance(pair.target, FakeHost)
    assert isinstance(pair.source, FakeHost)
    pair.target.held["coalesce(sum(hashtextextended( concat_ws"] = Unreachable(
        "the target's PostgreSQL doesn't answer"
    )
    subject = Subject((Tree("/var/spool/cyrus"),), ("bj",), BODIES, False, 0)
    told: list[tuple[str, str]] = []
    said = subject.proofs(pair, lambda part, line: told.append((part, line)))
    proofs = {proof.part: proof for proof in said}
    # A part of which some was told already is written down no more than that.
    assert ("bj", *proofs["bj"].differing) in told
    assert proofs["/var/spool/cyrus"].whole
    assert not proofs["bj"].whole
    assert "couldn't be compared: the target's PostgreSQL" in proofs["bj"].differing[0]


def _databases(opened: float, rows: int, objects: str = "55") -> list[Proof]:
    pair: Pair = servers()
    assert isinstance(pair.target, FakeHost)
    assert isinstance(pair.source, FakeHost)
    pair.target.held["select 0::int, count(*), coalesce(sum(hashtextextended"] = [(0, rows, "77")]
    pair.target.held["coalesce(sum(hashtextextended( concat_ws"] = [(1, objects)]
    pair.target.held["with own as ( select c.oid, n.nspname"] = [
        ("relation", "public.t_server", f"rp{objects}")
    ]
    return list(Subject((), ("bj",), BODIES, False, opened).proofs(pair))


def test_a_databases_settings_objects_and_rows_are_proved() -> None:
    proofs = _databases(0, 1)
    assert [proof.part for proof in proofs] == [
        "bj: settings",
        "bj: schema",
        "bj",
        "bj: sequences",
    ]
    assert all(proof.whole for proof in proofs)


@pytest.mark.parametrize("opened", [0, OPENED])
def test_where_nobody_noted_where_the_copied_rows_end_each_counts(opened: float) -> None:
    assert not _databases(opened, 2)[-2].whole


@pytest.mark.parametrize("opened", [0, OPENED])
def test_another_schema_is_a_difference_at_any_time(opened: float) -> None:
    assert [proof.whole for proof in _databases(opened, 1, "56")] == [True, False, True, True]
