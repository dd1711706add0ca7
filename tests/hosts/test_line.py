"""What the ssh connections carry is counted, all of it once, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from transhume.hosts import line
from transhume.hosts.line import Line

_BULK = "ssh\0-F\0/run/transhume/ssh_bulk\0transhume-source\0--\0find\0"
_SHARED = "ssh: /run/transhume/ctl-0123 [mux]\0"


@pytest.fixture(autouse=True)
def _listed_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "_LISTED_SECONDS", 0.0)


def _runs(proc: Path, number: int, read: int, words: str = _BULK, name: str = "ssh") -> None:
    """A process as the kernel shows it."""
    folder = proc / str(number)
    folder.mkdir(exist_ok=True)
    (folder / "comm").write_text(f"{name}\n")
    (folder / "cmdline").write_text(words)
    (folder / "io").write_text(f"rchar: {read}\nwchar: 7\nread_bytes: 0\n")


def test_what_came_since_it_was_asked_last(tmp_path: Path) -> None:
    counted = Line(tmp_path)
    _runs(tmp_path, 1, 1000)
    _runs(tmp_path, 2, 50, _SHARED)
    assert counted.news() == 1050
    _runs(tmp_path, 1, 1200)
    assert counted.news() == 200
    assert counted.news() == 0


def test_one_that_begins_or_ends_meanwhile(tmp_path: Path) -> None:
    counted = Line(tmp_path)
    _runs(tmp_path, 1, 1000)
    counted.news()
    _runs(tmp_path, 2, 30)
    (tmp_path / "1" / "io").unlink()
    assert counted.news() == 30
    for file in ("comm", "cmdline"):
        (tmp_path / "1" / file).unlink()
    assert counted.news() == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ssh", "ssh\0admin@elsewhere\0"),
        ("rsync", _BULK),
        ("ssh", "ssh\0-F\0/run/transhume/ssh_config\0-W\0[192.0.2.1]:22\0jump\0"),
        ("ssh", "ssh\0-F\0/run/transhume/ssh_config\0-N\0-L/run/transhume-follow/x:1\0"),
    ],
    ids=["the admin's own", "no ssh", "the way through a jump host", "what follows the source"],
)
def test_others_are_not_counted(tmp_path: Path, name: str, words: str) -> None:
    _runs(tmp_path, 1, 1000, words, name)
    assert Line(tmp_path).news() == 0
