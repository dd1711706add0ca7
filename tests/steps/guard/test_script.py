"""Acts as a shell script: the same words, whatever stands in them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from transhume.core.change import Await, Run, Series, WriteFile
from transhume.steps.guard.script import script

pytestmark = pytest.mark.programs(
    "sh", "base64", "touch", "test", "cat", "false", "sleep", "mktemp", "sync"
)
ODD = 'it\'s "odd" $(touch gone) `x`\nline'


def _do(folder: Path, content: bytes, *words: str) -> int:
    (folder / "script").write_bytes(content)
    return subprocess.run(["sh", "script", *words], cwd=folder, check=False).returncode


def test_words_and_input_arrive_as_they_are(tmp_path: Path) -> None:
    content = ODD.encode() + bytes(range(256))
    acts = (
        Run("source", ("touch", "--", ODD)),
        Run("source", ("sh", "-c", 'cat >"$1"', "write", "written"), input=content),
    )
    assert _do(tmp_path, script(acts, "source", strict=True)) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((ODD, "script", "written"))
    assert (tmp_path / "written").read_bytes() == content


def test_files_are_written_with_mode_and_owner(tmp_path: Path) -> None:
    path = tmp_path / "etc" / "file"
    owner = f"{os.getuid()}:{os.getgid()}"
    act = WriteFile("target", str(path), b"text\n", "0600", owner)
    assert _do(tmp_path, script((act,), "target", strict=True)) == 0
    assert path.read_bytes() == b"text\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_belongs_to_the_other_machine_is_left_out(tmp_path: Path) -> None:
    acts = (Series((Run("target", ("touch", "theirs")), Run("source", ("touch", "ours")))),)
    _do(tmp_path, script(acts, "source", strict=True))
    assert {path.name for path in tmp_path.iterdir()} == {"script", "ours"}


def test_going_back_does_what_it_can_and_says_that_something_failed(tmp_path: Path) -> None:
    acts = (Run("source", ("false",)), Run("source", ("touch", "after")))
    assert _do(tmp_path, script(acts, "source", strict=False)) == 1
    assert (tmp_path / "after").exists()


def test_going_forth_ends_at_the_first_failure(tmp_path: Path) -> None:
    acts = (Run("source", ("false",)), Run("source", ("touch", "after")))
    assert _do(tmp_path, script(acts, "source", strict=True)) == 1
    assert not (tmp_path / "after").exists()


def test_a_status_that_is_no_failure_is_none(tmp_path: Path) -> None:
    act = Run("source", ("sh", "-c", "exit 2"), ok=(0, 2))
    assert _do(tmp_path, script((act,), "source", strict=True)) == 0
    other = Run("source", ("sh", "-c", "exit 0"), ok=(3,))
    assert _do(tmp_path, script((other,), "source", strict=True)) == 1


def test_it_waits_but_not_before_the_network_is_up(tmp_path: Path) -> None:
    waits = Await("source", ("sh", "-c", "test -e there || { touch there; false; }"), 5)
    assert _do(tmp_path, script((waits,), "source", strict=True)) == 0
    never = Await("source", ("false",), 60)
    assert _do(tmp_path, script((never,), "source", strict=True), "boot") == 1


def test_nothing_to_do_is_done(tmp_path: Path) -> None:
    assert _do(tmp_path, script((), "source", strict=True)) == 0
