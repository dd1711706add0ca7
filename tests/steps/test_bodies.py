"""Bodies are proved by their own names, and by the rows that name them."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeHost
from tests.steps.disk import two
from transhume.agent import manifest as agent
from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.steps import bodies
from transhume.steps.bodies import Bodies, prove_names, prove_rows

pytest.importorskip("backports.zstd", reason="Python before 3.14 has none of its own")
from backports import zstd

TIERS = ("/live", "/archive")
BODIES = Bodies(TIERS, "bj-data", "t_message_body", "guid")
MAIL = [b"Subject: %d\r\n\r\nbody" % number for number in range(40)]


def _name(mail: bytes) -> str:
    return hashlib.sha1(mail).hexdigest()


def _path(top: Path, tier: str, name: str) -> Path:
    return Path(f"{top}{tier}/{name[0]}/{name[1]}/{name}.zst")


@pytest.fixture
def stores(tmp_path: Path) -> Path:
    """The same mail on both, half of it archived."""
    for place in ("source", "target"):
        for tier in TIERS:
            (tmp_path / place / tier[1:]).mkdir(parents=True)
        for number, mail in enumerate(MAIL):
            path = _path(tmp_path / place, TIERS[number % 2], _name(mail))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(zstd.compress(mail))
    return tmp_path


class _Rows(FakeHost):
    """A machine with these rows, asked for a page at a time or by name."""

    rows: tuple[str, ...] = ()

    def sql(self, database: str, query: str, *values: object) -> list[tuple[object, ...]]:
        if "archive_kind" in query:
            return [("cyrus",)]
        (value,) = values
        if isinstance(value, bytes):
            later = sorted(name for name in self.rows if bytes.fromhex(name) > value)
            return [(name,) for name in later[: bodies._PAGE]]
        assert isinstance(value, list)
        return [(name,) for name in self.rows if bytes.fromhex(name) in value]


def _pair(stores: Path, here: Sequence[str] = (), there: Sequence[str] = ()) -> Pair:
    pair = two(stores)
    made = []
    for host, rows in ((pair.source, there), (pair.target, here)):
        assert isinstance(host, FakeHost)
        one = _Rows(host.place, printed=host.printed, folders=set(TIERS))
        one.rows = tuple(rows) or tuple(map(_name, MAIL))
        made.append(one)
    return Pair(*made)


def _one(proofs: Iterator[Proof]) -> Proof:
    (proof,) = proofs
    return proof


def test_every_row_has_its_file_in_some_tier(stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_PAGE", 7)
    proof = _one(prove_rows(_pair(stores), BODIES))
    assert (proof.compared, proof.equal, proof.notes) == (40, 40, ())


def test_a_row_without_a_file_is_named(stores: Path) -> None:
    lost = _name(MAIL[5])
    _path(stores / "target", "/archive", lost).unlink()
    proof = _one(prove_rows(_pair(stores), BODIES))
    assert proof.differing == (f"{lost}: a row without a file",)
    assert (proof.compared, proof.equal) == (40, 39)


def test_what_the_source_had_lost_is_noted_and_no_difference(stores: Path) -> None:
    lost = _name(MAIL[5])
    for place in ("source", "target"):
        _path(stores / place, "/archive", lost).unlink()
    proof = _one(prove_rows(_pair(stores), BODIES))
    assert proof.whole
    assert proof.notes == (f"{lost}: lost on the source already",)
    # Mail that came since the switch isn't the source's to have lost.
    others = [_name(mail) for mail in MAIL if _name(mail) != lost]
    assert not _one(prove_rows(_pair(stores, there=others), BODIES)).whole


def test_a_file_without_a_row_is_noted(stores: Path) -> None:
    proof = _one(prove_rows(_pair(stores, [_name(mail) for mail in MAIL[1:]]), BODIES))
    assert proof.whole
    assert proof.notes == (f"{_name(MAIL[0])}: a file without a row",)


def test_mail_that_comes_after_its_page_was_read_has_a_row(
    stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = _name(MAIL[0])
    before = iter(sorted(_name(mail) for mail in MAIL[1:]))
    pair = _pair(stores)
    monkeypatch.setattr(Bodies, "all_rows", lambda *_: before)
    assert _one(prove_rows(pair, BODIES)).notes == ()
    assert isinstance(pair.target, _Rows)
    pair.target.rows = tuple(name for name in pair.target.rows if name != late)
    monkeypatch.setattr(Bodies, "all_rows", lambda *_: iter(sorted(pair.target.rows)))
    assert _one(prove_rows(pair, BODIES)).notes == (f"{late}: a file without a row",)


def test_a_body_in_two_tiers_counts_once(stores: Path) -> None:
    path = _path(stores / "target", "/archive", _name(MAIL[0]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zstd.compress(MAIL[0]))
    proof = _one(prove_rows(_pair(stores), BODIES))
    assert (proof.compared, proof.notes) == (40, ())


def test_a_body_in_the_wrong_folder_isnt_found_by_anybody(stores: Path) -> None:
    name = _name(MAIL[0])
    path = _path(stores / "target", "/live", name)
    wrong = stores / "target/live/x"
    wrong.mkdir()
    path.rename(wrong / path.name)
    assert not _one(prove_rows(_pair(stores), BODIES)).whole


def test_each_body_holds_what_its_name_says(stores: Path) -> None:
    proof = _one(prove_names(_pair(stores), BODIES))
    assert (proof.compared, proof.equal, proof.notes) == (40, 40, ())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zstd.compress(MAIL[1]), _name(MAIL[1])),
        (zstd.compress(MAIL[0])[:-3], "cut off"),
        (b"", "cut off"),
        (b"no zstd at all", "no zstd, or damaged"),
    ],
)
def test_a_body_that_holds_something_else_is_named(stores: Path, content: bytes, said: str) -> None:
    path = _path(stores / "target", "/live", _name(MAIL[0]))
    path.write_bytes(content)
    proof = _one(prove_names(_pair(stores), BODIES))
    (line,) = proof.differing
    assert _name(MAIL[0]) in line
    assert f"its content isn't what its name says ({said})" in line


def test_what_was_damaged_on_the_source_is_moved_as_it_is_and_noted(stores: Path) -> None:
    for place in ("source", "target"):
        _path(stores / place, "/live", _name(MAIL[0])).write_bytes(b"rotten")
    proof = _one(prove_names(_pair(stores), BODIES))
    assert proof.whole
    assert len(proof.notes) == 1
    assert "damaged on the source already, moved as it is" in proof.notes[0]


@pytest.mark.parametrize(
    ("end", "row", "whole"),
    [
        ("whole", True, True),
        ("gone", False, True),
        ("gone", True, False),
        ("moved", True, True),
        ("moved and cut off", True, False),
    ],
)
def test_a_body_that_was_being_written_is_looked_at_again(
    stores: Path, end: str, row: bool, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _path(stores / "target", "/live", _name(MAIL[0]))
    path.write_bytes(zstd.compress(MAIL[0])[:-3])
    judge = bodies._judge_wrong

    def later(*words: Any) -> None:
        if end == "whole":
            path.write_bytes(zstd.compress(MAIL[0]))
        elif end == "gone":
            path.unlink()
        elif path.exists():
            if end == "moved":
                path.write_bytes(zstd.compress(MAIL[0]))
            moved = _path(stores / "target", "/archive", _name(MAIL[0]))
            moved.parent.mkdir(parents=True, exist_ok=True)
            path.rename(moved)
        judge(*words)

    monkeypatch.setattr(bodies, "_judge_wrong", later)
    _path(stores / "source", "/live", _name(MAIL[0])).unlink()
    here = [_name(mail) for mail in MAIL[0 if row else 1 :]]
    proof = _one(prove_names(_pair(stores, here), BODIES))
    assert proof.whole is whole, proof


@pytest.fixture
def vanishing(stores: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A body of the target that is expunged when its folder was listed."""
    path = _path(stores / "target", "/live", _name(MAIL[0]))
    walked = agent.listed

    def gone(top: bytes, folder: bytes, patterns: list[str]) -> tuple[list[bytes], list[bytes]]:
        found = walked(top, folder, patterns)
        if os.fsencode(path.name) in found[0]:
            path.unlink()
        return found

    monkeypatch.setattr(agent, "listed", gone)
    return path


@pytest.mark.parametrize("prove", [prove_rows, prove_names])
@pytest.mark.parametrize("row", [True, False])
@pytest.mark.usefixtures("vanishing")
def test_a_body_that_vanishes_has_gone_with_its_row_or_is_named(
    stores: Path, prove: Any, row: bool
) -> None:
    here = [_name(mail) for mail in MAIL[0 if row else 1 :]]
    proof = _one(prove(_pair(stores, here), BODIES))
    assert proof.differing == ((f"{_name(MAIL[0])}: a row without a file",) if row else ())
    assert proof.compared >= 39


@pytest.mark.parametrize("prove", [prove_rows, prove_names])
@pytest.mark.parametrize("place", ["target", "source"])
def test_a_body_that_cant_be_read_is_named_and_hides_no_other(
    stores: Path, prove: Any, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, bad = agent.entry, os.fsencode(f"{_name(MAIL[0])}.zst")
    lost, rotten = _name(MAIL[5]), _path(stores / "target", "/archive", _name(MAIL[7]))
    _path(stores / "target", "/archive", lost).unlink()
    rotten.write_bytes(b"rotten")

    def failing(name: bytes, contents: str) -> tuple[bytes, bool]:
        if name == bad and f"/{place}/" in f"{Path.cwd()}/":
            raise OSError(5, "Input/output error")
        return entry(name, contents)

    monkeypatch.setattr(agent, "entry", failing)
    told = _one(prove(_pair(stores), BODIES)).differing
    unread = f"{_name(MAIL[0])}.zst: couldn't be read on the target (Input/output error)"
    assert any(line.endswith(unread) for line in told) is (place == "target")
    assert any((lost if prove is prove_rows else rotten.name) in line for line in told)


def test_what_the_source_cant_read_isnt_lost_there(
    stores: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, lost = agent.entry, _name(MAIL[0])
    _path(stores / "target", "/live", lost).unlink()

    def failing(name: bytes, contents: str) -> tuple[bytes, bool]:
        if name == os.fsencode(f"{lost}.zst") and "/source/" in str(Path.cwd()):
            raise OSError(5, "Input/output error")
        return entry(name, contents)

    monkeypatch.setattr(agent, "entry", failing)
    assert _one(prove_rows(_pair(stores), BODIES)).differing == (f"{lost}: a row without a file",)


def test_what_the_source_hasnt_is_no_damage_of_the_sources(stores: Path) -> None:
    _path(stores / "source", "/live", _name(MAIL[0])).unlink()
    _path(stores / "target", "/live", _name(MAIL[0])).write_bytes(b"rotten")
    assert not _one(prove_names(_pair(stores), BODIES)).whole


def test_the_library_is_looked_for_once(stores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bytes(_path(stores / "target", "/live", _name(MAIL[0])))
    assert agent.message(path) == _name(MAIL[0]).encode()
    for name in ("compression", "backports", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    assert agent.message(path) == _name(MAIL[0]).encode()


def test_a_message_of_several_frames_and_of_many_megabytes_is_read_whole(stores: Path) -> None:
    mail = b"x" * 3_000_000
    path = _path(stores / "target", "/live", _name(mail))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zstd.compress(mail[:2_000_000]) + zstd.compress(mail[2_000_000:]))
    assert _one(prove_names(_pair(stores), BODIES)).whole


@pytest.mark.parametrize("prove", [prove_rows, prove_names])
def test_a_tier_that_cant_be_read_is_named_and_the_other_proved(stores: Path, prove: Any) -> None:
    (stores / "target/archive").rename(stores / "target/elsewhere")
    proof = _one(prove(_pair(stores), BODIES))
    reason = "/archive: couldn't be read on the target (No such file or directory)"
    assert reason in proof.differing
    assert proof.equal == 20


def test_a_tier_that_neither_machine_has_holds_nothing(stores: Path) -> None:
    """Where nothing was ever archived."""
    for place in ("source", "target"):
        shutil.rmtree(stores / place / "archive")
    live = [_name(mail) for mail in MAIL[::2]]
    pair = _pair(stores, live, live)
    for host in (pair.source, pair.target):
        assert isinstance(host, FakeHost)
        host.folders.remove("/archive")
    assert [
        proof.compared for proof in (*prove_rows(pair, BODIES), *prove_names(pair, BODIES))
    ] == [
        20,
        20,
    ]


@pytest.mark.parametrize("here", ["s3", "scalityring"])
def test_bodies_that_are_elsewhere_arent_looked_for_but_must_be_at_the_same_place(
    stores: Path, here: str
) -> None:
    pair = _pair(stores)
    for host, kind in ((pair.source, "s3"), (pair.target, here)):
        object.__setattr__(host, "sql", lambda *_, kind=kind: [(kind,)])
    proof = _one(prove_rows(pair, BODIES))
    assert proof.whole == (here == "s3")
    (note,) = proof.notes
    assert "archive_kind says that bodies aren't on its disks" in note
    assert list(prove_names(pair, BODIES)) == []


def test_a_server_without_mail_has_nothing_to_prove_and_lost_mail_has(tmp_path: Path) -> None:
    for tier in TIERS:
        (tmp_path / "target" / tier[1:]).mkdir(parents=True)
    none = _pair(tmp_path)
    for host in (none.source, none.target):
        assert isinstance(host, _Rows)
        host.rows = ()
    assert list(prove_rows(none, BODIES)) == []
    assert list(prove_names(none, BODIES)) == []
    assert isinstance(none.source, _Rows)
    none.source.rows = (_name(MAIL[0]),)
    assert [str(proof) for proof in prove_rows(none, BODIES)] == [
        "bodies: files: nothing to compare"
    ]
    assert not _one(prove_names(none, BODIES)).whole
