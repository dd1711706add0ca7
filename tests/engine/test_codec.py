"""Acts survive the journal, whatever stands in them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import memory
from transhume.core import change as acts
from transhume.core.change import (
    Act,
    Await,
    Back,
    Carry,
    Change,
    Command,
    DumpDatabase,
    Keep,
    Never,
    Pause,
    RemoveFile,
    Reroute,
    RestoreDatabase,
    Run,
    SeedDatabase,
    SeedTree,
    Series,
    SyncFiles,
    SyncPaths,
    SyncTree,
    Together,
    WriteFile,
    leaves,
)
from transhume.engine.codec import Bodies, decode, decode_back, encode, encode_change
from transhume.errors import JournalRefused, StepFailed

# Names of files come with undecodable bytes as surrogates.
_undecodable = st.binary(max_size=12).map(lambda name: name.decode(errors="surrogateescape"))
_texts = st.text(max_size=12) | _undecodable
_words = st.lists(_texts, max_size=3).map(tuple)
_places = st.sampled_from(["source", "target"])
_numbers = st.integers(0, 2**40)
_bodies = st.binary(max_size=40)
_statuses = st.lists(st.integers(0, 255), max_size=3).map(tuple)

_runs = st.builds(Run, _places, _words, _bodies, _statuses)
_leaves: st.SearchStrategy[Act] = st.one_of(
    _runs,
    st.builds(WriteFile, _places, _texts, _bodies, _texts, _texts),
    st.builds(RemoveFile, _places, _texts),
    st.builds(SyncTree, _texts, st.booleans(), st.booleans(), _words, st.booleans(), _numbers),
    st.builds(SeedTree, _texts, _words, _bodies, _numbers),
    st.builds(SyncFiles, _words),
    st.builds(SyncPaths, _texts, _bodies, st.booleans()),
    st.builds(DumpDatabase, _texts, _texts, _numbers, _texts, _numbers),
    st.builds(RestoreDatabase, _texts, _texts, _numbers, _numbers),
    st.builds(SeedDatabase, _texts, _texts, _texts, _numbers, _texts, st.binary(), _numbers),
    st.builds(Await, _places, _words, _numbers),
    st.builds(Pause, _texts),
    st.builds(Reroute, _texts),
)


def _nested(inner: st.SearchStrategy[Act]) -> st.SearchStrategy[Act]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.builds(Series, several) | st.builds(Together, several)


_acts = st.recursive(_leaves, _nested, max_leaves=6)
_backs = _acts | st.builds(Keep, _texts) | st.builds(Never, _texts) | st.builds(Carry, _texts)


def test_every_kind_of_act_is_tried() -> None:
    tried = {"Run", "WriteFile", "RemoveFile", "SyncTree", "SeedTree", "SyncFiles", "SyncPaths"}
    tried |= {"DumpDatabase", "RestoreDatabase", "Await", "Pause", "Reroute", "Series", "Together"}
    tried |= {"SeedDatabase"}
    assert set(acts.KINDS) == tried


@settings(max_examples=80)
@given(_acts, _backs)
def test_what_was_written_comes_back(act: Act, back: Back) -> None:
    with memory.fresh() as folder:
        bodies = Bodies(folder / "bodies")
        written = json.loads(json.dumps(encode_change(Change("x", act, back), bodies)))
        assert decode(written["act"], bodies) == act
        assert decode_back(written, bodies) == back


@settings(max_examples=80)
@given(_acts)
def test_every_act_says_what_it_types(act: Act) -> None:
    """Also with names that are no UTF-8: what a step found with `find` can be brought over."""
    commands = list(act.commands())
    assert all(isinstance(command, Command) for command in commands)
    assert commands == [each for leaf in leaves(act) for each in leaf.commands()]


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    name = Bodies(tmp_path / "elsewhere").put(b"content")
    (tmp_path / name).with_suffix(".part").symlink_to("/dev/full")
    with pytest.raises(StepFailed, match="the journal can't be written: No space left on device"):
        Bodies(tmp_path).put(b"content")


def test_file_bodies_and_input_never_stand_in_an_event(tmp_path: Path) -> None:
    act = Series((WriteFile("target", "/x", b"hunter2"), Run("target", ("psql",), b"hunter3")))
    told = json.dumps(encode_change(Change("x", act, Keep("y")), Bodies(tmp_path)))
    assert "hunter" not in told


def test_side_files_are_private(tmp_path: Path) -> None:
    bodies = Bodies(tmp_path / "bodies")
    name = bodies.put(b"hunter2")
    assert stat.S_IMODE(bodies.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((bodies.folder / name).stat().st_mode) == 0o600
    assert bodies.put(b"hunter2") == name
    assert bodies.get(name) == b"hunter2"


def test_a_side_file_is_there_after_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name is in the folder, and the folder's in the one above, before anything is made that
    only the side file can take back."""
    durable = dict[str, list[str]]()

    def synced(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").resolve()
        durable[path.name] = [item.name for item in path.iterdir()] if path.is_dir() else []

    monkeypatch.setattr("os.fsync", synced)
    name = Bodies(tmp_path / "bodies").put(b"secret")
    assert durable[tmp_path.name] == ["bodies"]
    assert durable["bodies"] == [name]
    assert f"{name}.part" in durable


def test_an_empty_body_needs_no_side_file(tmp_path: Path) -> None:
    bodies = Bodies(tmp_path / "bodies")
    act = WriteFile("target", "/x", b"")
    assert decode(encode(act, bodies), bodies) == act
    assert not bodies.folder.exists()


@pytest.mark.parametrize("damage", [b"", b"hunter3"])
def test_a_damaged_side_file_is_refused(tmp_path: Path, damage: bytes) -> None:
    bodies = Bodies(tmp_path)
    (tmp_path / bodies.put(b"hunter2")).write_bytes(damage)
    with pytest.raises(JournalRefused, match="isn't what was written"):
        bodies.get(bodies.put(b"hunter2"))


def test_a_missing_side_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalRefused, match="can't be read"):
        Bodies(tmp_path).get("0" * 64)


@pytest.mark.parametrize(
    "written",
    [
        {"kind": "Teleport", "to": "mars"},
        {"kind": "Run", "place": "target"},
        {"kind": "Pause", "message": "x", "extra": 1},
        {"to": "no kind"},
        {"kind": ["Run"]},
    ],
)
def test_an_act_that_isnt_one_is_refused(written: object, tmp_path: Path) -> None:
    with pytest.raises(JournalRefused):
        decode(written, Bodies(tmp_path))
