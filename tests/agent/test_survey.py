"""The survey of real folders: everything counted once, and named with a few examples."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transhume.agent import survey

Survey = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def look(capsys: pytest.CaptureFixture[str]) -> Survey:
    """What it prints of these trees."""

    def looked(*trees: Path) -> list[dict[str, Any]]:
        survey.main([str(tree) for tree in trees])
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return looked


def _found(told: dict[str, Any], kind: str) -> tuple[int, list[str]]:
    number, examples = told["found"].get(kind, (0, []))
    return number, sorted(Path(example.partition(" -> ")[0]).name for example in examples)


def test_entries_folders_sizes_and_owners(look: Survey, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "f").write_bytes(b"x" * 5000)
    (told,) = look(tmp_path)
    assert (told["entries"], told["folders"], told["largest"]) == (4, 3, 5000)
    assert told["bytes"] == 3 * 4096 + 8192
    names = told["users"] or told["nameless_users"]
    assert list(names.values()) == [4]
    assert told["found"] == {}


def test_hard_links_count_as_one_file(look: Survey, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"x" * 4096)
    os.link(tmp_path / "one", tmp_path / "two")
    (told,) = look(tmp_path)
    assert told["bytes"] == 2 * 4096
    assert _found(told, "hard-link") == (2, ["one", "two"])
    assert _found(told, "split-link") == (0, [])


def test_a_tree_inside_another_is_counted_by_itself(look: Survey, tmp_path: Path) -> None:
    (tmp_path / "data" / "inner").mkdir(parents=True)
    (tmp_path / "data" / "f").write_bytes(b"x" * 5000)
    (tmp_path / "away").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "away")
    whole, part, linked = look(tmp_path, tmp_path / "data", tmp_path / "linked")
    assert (whole["entries"], whole["largest"]) == (2, 0)
    assert (part["entries"], part["folders"], part["largest"]) == (3, 2, 5000)
    assert linked["entries"] == 1, "a link inside a tree isn't followed"


def test_a_link_with_a_name_in_another_tree_or_in_none_is_split(
    look: Survey, tmp_path: Path
) -> None:
    for name in ("cyrus", "hsm", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "cyrus" / "both").write_text("x")
    os.link(tmp_path / "cyrus" / "both", tmp_path / "hsm" / "both")
    (tmp_path / "hsm" / "out").write_text("x")
    os.link(tmp_path / "hsm" / "out", tmp_path / "elsewhere" / "out")
    told = look(tmp_path / "cyrus", tmp_path / "hsm")
    assert sorted(name for each in told for name in _found(each, "split-link")[1]) == [
        "both",
        "out",
    ]


def test_more_links_than_are_kept_are_counted_as_files(
    look: Survey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "LINKS_KEPT", 1)
    for name in ("a", "b"):
        (tmp_path / name).write_text("x")
        os.link(tmp_path / name, tmp_path / f"{name}2")
    (told,) = look(tmp_path)
    assert told["links_counted"] is False
    assert _found(told, "hard-link")[0] == 4


def test_links_that_lead_out_of_all_trees(look: Survey, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "inside").symlink_to("../a/x")
    (tmp_path / "a" / "other").symlink_to(tmp_path / "b")
    (tmp_path / "a" / "out").symlink_to("/etc/hostname")
    (tmp_path / "a" / "up").symlink_to("../../else")
    (told, _) = look(tmp_path / "a", tmp_path / "b")
    assert _found(told, "symbolic")[0] == 4
    assert _found(told, "outside") == (2, ["out", "up"])


def test_sparse_files_names_in_two_cases_and_pipes(look: Survey, tmp_path: Path) -> None:
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(8 << 20)
    for name in ("Mail", "mail"):
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe")
    (told,) = look(tmp_path)
    assert _found(told, "sparse") == (1, ["holes"])
    assert _found(told, "case")[0] == 1
    assert _found(told, "special") == (1, ["pipe"])


@pytest.mark.parametrize("mode", [0o4755, 0o2755])
def test_programs_that_run_as_their_owner(look: Survey, tmp_path: Path, mode: int) -> None:
    for name, own in (("plain", 0o1755), ("shell", mode)):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(own)
    # On a folder the group's bit means only whose what is made in it is.
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o2775)
    (told,) = look(tmp_path)
    assert _found(told, "set-uid") == (1, ["shell"])


def test_extended_attributes(look: Survey, tmp_path: Path) -> None:
    path = tmp_path / "marked"
    path.touch()
    try:
        os.setxattr(path, "user.note", b"x")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    (told,) = look(tmp_path)
    assert _found(told, "attribute") == (1, ["marked"])


def test_names_of_any_bytes(look: Survey, tmp_path: Path) -> None:
    (tmp_path / "a\nb").mkdir()
    (tmp_path / "-\udcfe'\"").symlink_to("/\udcff")
    (told,) = look(tmp_path)
    assert told["entries"] == 3
    assert told["found"]["outside"][1][0].endswith("-\udcfe'\" -> /\udcff")


def test_a_tree_that_isnt_there_is_empty(look: Survey, tmp_path: Path) -> None:
    (told,) = look(tmp_path / "none")
    assert told["entries"] == 0


def test_what_vanishes_meanwhile_is_no_part_of_the_tree(
    look: Survey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").touch()
    monkeypatch.setattr(survey, "_attributes", _raising(FileNotFoundError(2, "No such file")))
    (told,) = look(tmp_path / "x", tmp_path)[1:]
    assert told["vanished"] == 1
    assert "unreadable" not in told["found"]


def _raising(error: OSError) -> Callable[..., None]:
    def attributes(tally: survey.Tally, path: bytes) -> None:
        if path.endswith(b"gone"):
            raise error

    return attributes


def test_what_cant_be_read_is_named(
    look: Survey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").touch()
    monkeypatch.setattr(survey, "_attributes", _raising(PermissionError(13, "Permission denied")))
    (told,) = look(tmp_path)
    number, examples = told["found"]["unreadable"]
    assert number == 1
    assert examples[0].endswith("gone: Permission denied")


def test_a_folder_that_cant_be_opened_is_named(
    look: Survey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def opened(path: bytes) -> Any:
        if path.endswith(b"locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", opened)
    (told,) = look(tmp_path)
    assert told["found"]["unreadable"][1][0].endswith("locked: Permission denied")


def test_what_a_thread_cant_cope_with_ends_the_survey(
    look: Survey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").touch()

    def broken(self: survey.Survey, *rest: object) -> bool:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(survey.Survey, "looked", broken)
    with pytest.raises(RuntimeError, match="a mistake"):
        look(tmp_path)
