"""A tree is carried between two folders of this machine, through the real programs."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from transhume.core.change import Command, Place, SeedTree
from transhume.core.event import Progress
from transhume.core.host import Hand, May, Output, Talk
from transhume.core.settings import CopySettings
from transhume.engine import batches, seed
from transhume.engine.throttle import Throttle
from transhume.errors import StepFailed, Unreachable
from transhume.hosts.process import Processes
from transhume.steps.bulk import seeding

pytestmark = pytest.mark.programs("sh", "ssh", "mkdir", "find", faked=True)
_ODD = [b"-rf", b"two\nlines", b"latin1-\xe9", b"sp ace", b"$(id)", b"'\"", b"\x01\\0", b"x" * 255]
_OLD = 1_600_000_000_123_456_789


@dataclass
class Machine:
    """Commands run here; where the source is asked for its folder, `source` is what is meant."""

    source: Path
    target: Path
    processes: Processes = field(default_factory=Processes)
    talks: list[Talk] = field(default_factory=list)

    def run(self, command: Command, heard: Callable[[str], None], may: May | None = None) -> Output:
        """Run it."""
        return self.processes.run(command.argv, command.input, heard)

    def talk(self, command: Command) -> Talk:
        """Start it."""
        self.talks.append(self.processes.talk(command.argv))
        return self.talks[-1]


# Stands for the whole way to the source: its one folder is another one there.
_SSH = """#!/bin/sh
for words; do :; done
words=$(printf '%s' "$words" | sed "s#{target}#{source}#g")
{before}
exec sh -c "$words"
"""


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Two folders, and a program named ssh that leads from one to the other."""
    (tmp_path / "bin").mkdir()
    made = Machine(tmp_path / "source", tmp_path / "target")
    made.source.mkdir()
    _way(made)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(seed, "_PERIOD_SECONDS", 0.2)
    monkeypatch.setattr(seed, "_SETTLE_SECONDS", 0.05)
    monkeypatch.setattr(seed, "_PAUSE_SECONDS", 0.01)
    yield made
    made.processes.stop()


def _way(pair: Machine, before: str = "") -> None:
    program = pair.source.parent / "bin" / "ssh"
    program.write_text(_SSH.format(source=pair.source, target=pair.target, before=before))
    program.chmod(0o755)


def _write(path: bytes | Path, content: bytes, mtime: int = _OLD) -> None:
    name = os.fsencode(path)
    os.makedirs(os.path.dirname(name), exist_ok=True)  # noqa: PTH103, PTH120 - names are bytes
    with open(name, "wb") as file:  # noqa: PTH123
        file.write(content)
    os.utime(name, ns=(mtime, mtime))


def _fill(top: Path) -> None:
    for number, name in enumerate(_ODD):
        _write(os.fsencode(top) + b"/odd/" + name, b"%d" % number, _OLD + number)
    for number in range(600):
        _write(top / f"{number % 7}" / "deep" / f"{number}", os.urandom(number), _OLD + number)
    _write(top / "empty", b"")
    _write(top / "large", os.urandom(3 * batches.PIECE + 17))
    (top / "0" / "deep" / "0").chmod(0o640)


def _carry(
    pair: Machine, limits: Callable[[], CopySettings] = CopySettings
) -> tuple[SeedTree, list[Progress]]:
    act = seeding(str(pair.target), 1000)
    seen: list[Progress] = []
    hands: dict[Place, Hand] = {"source": pair, "target": pair}
    seed.seed(act, hands, seen.append, _throttle(limits))
    return act, seen


def _throttle(limits: Callable[[], CopySettings]) -> Throttle:
    return Throttle(limits, lambda: 0.0)


def _files(top: Path) -> dict[bytes, tuple[Any, ...]]:
    """Every ordinary file by its name: content, mode, time, owner."""
    found = {}
    for folder, _, names in os.walk(os.fsencode(top)):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - names are bytes
            look = os.lstat(path)
            if stat.S_ISREG(look.st_mode):
                with open(path, "rb") as file:  # noqa: PTH123
                    content = file.read()
                dressed = (stat.S_IMODE(look.st_mode), look.st_mtime_ns, look.st_uid, look.st_gid)
                found[path[len(os.fsencode(top)) :]] = (content, *dressed)
    return found


def test_every_file_arrives_as_it_was(pair: Machine) -> None:
    _fill(pair.source)
    _, seen = _carry(pair)
    assert _files(pair.target) == _files(pair.source)
    assert seen[-1].done == sum(len(each[0]) for each in _files(pair.source).values())
    assert not list(pair.target.rglob(".transhume-partial"))


def test_what_has_arrived_isnt_sent_again(pair: Machine) -> None:
    _fill(pair.source)
    _carry(pair)
    (pair.target / "empty").unlink()
    (pair.target / "1" / "deep" / "8").unlink()
    _, seen = _carry(pair)
    assert _files(pair.target) == _files(pair.source)
    assert seen[-1].done == 8


def test_only_whole_ordinary_files_of_one_name_are_carried(pair: Machine) -> None:
    _write(pair.source / "file", b"x")
    _write(pair.source / "one", b"linked")
    (pair.source / "two").hardlink_to(pair.source / "one")
    (pair.source / "link").symlink_to("/etc/passwd")
    os.mkfifo(pair.source / "pipe")
    with (pair.source / "holes").open("wb") as file:
        file.truncate(1 << 20)
    _carry(pair)
    assert [path.name for path in pair.target.rglob("*")] == ["file"]


def test_a_half_file_that_is_there_is_left_to_rsync(pair: Machine) -> None:
    _write(pair.source / "a", b"whole")
    _write(pair.target / "a", b"wh")
    _write(pair.source / "b", os.urandom(batches.PIECE + 1))
    _write(pair.target / ".transhume-partial" / "b", b"begun")
    _carry(pair)
    assert (pair.target / "a").read_bytes() == b"wh"
    assert not (pair.target / "b").exists()
    assert (pair.target / ".transhume-partial" / "b").read_bytes() == b"begun"


def test_no_symbolic_link_on_the_target_leads_out_of_the_tree(
    pair: Machine, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    _write(pair.source / "folder" / "file", b"x")
    _write(pair.source / "name", b"x")
    pair.target.mkdir()
    (pair.target / "folder").symlink_to(outside)
    (pair.target / "name").symlink_to(outside / "new")
    _carry(pair)
    assert list(outside.iterdir()) == []


def test_what_vanishes_while_it_is_asked_for_is_no_error(pair: Machine) -> None:
    _fill(pair.source)
    # The lane is opened after the source was listed.
    gone = pair.source / "2" / "deep" / "9"
    _way(pair, f'case "$words" in find*) ;; *) rm -f {gone} {pair.source}/large;; esac')
    _carry(pair)
    assert _files(pair.target) == _files(pair.source)
    assert not (pair.target / "large").exists()


def test_a_connection_that_breaks_is_made_again(pair: Machine, tmp_path: Path) -> None:
    _fill(pair.source)
    once = tmp_path / "once"
    # The first one is cut off in the middle of what it says.
    _way(
        pair,
        f'case "$words" in find*) ;; *) mkdir {once} 2>/dev/null && '
        '{ sh -c "$words" | head -c 5000; exit 255; };; esac',
    )
    _carry(pair)
    arrived, there = _files(pair.target), _files(pair.source)
    assert once.exists()
    assert arrived == there


def test_connections_that_only_break_are_told_once(
    pair: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seed, "_PATIENCE_SECONDS", 0.5)
    _fill(pair.source)
    _way(pair, 'case "$words" in find*) ;; *) echo "Connection timed out" >&2; exit 255;; esac')
    with pytest.raises(Unreachable, match=r"break .*Connection timed out.* nothing has arrived"):
        _carry(pair)


def test_a_source_that_cant_be_listed_is_unreachable(pair: Machine) -> None:
    _way(pair, 'echo "No route to host" >&2; exit 255')
    with pytest.raises(Unreachable, match="No route to host"):
        _carry(pair)


def test_a_list_that_breaks_off_is_asked_for_anew(pair: Machine, tmp_path: Path) -> None:
    _fill(pair.source)
    once = tmp_path / "once"
    _way(
        pair,
        f'case "$words" in find*) mkdir {once} 2>/dev/null && '
        '{ sh -c "$words" | head -c 2000; exit 255; };; esac',
    )
    _carry(pair)
    assert once.exists()
    assert _files(pair.target) == _files(pair.source)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_target_that_cant_be_written_ends_it(pair: Machine) -> None:
    _fill(pair.source)
    pair.target.mkdir(mode=0o500)
    with pytest.raises(StepFailed, match=r"can't be written on the target: Permission denied"):
        _carry(pair)


def test_a_full_target_ends_it_with_one_message(pair: Machine) -> None:
    _fill(pair.source)
    act = seeding(str(pair.target), 1000)
    # No file of this process may be larger: the same way out as a full disk.
    limited = (*act.lane[:2], f"ulimit -f 1; trap '' XFSZ; {act.lane[2]}", *act.lane[3:])
    act = SeedTree(act.path, limited, act.programs, act.expected)
    hands: dict[Place, Hand] = {"source": pair, "target": pair}
    with pytest.raises(StepFailed, match="can't be written on the target: File too large") as full:
        seed.seed(act, hands, lambda progress: None, _throttle(CopySettings))
    assert "df -h" in full.value.remedy


def test_a_limit_that_is_lifted_while_it_runs_counts(pair: Machine) -> None:
    _fill(pair.source)
    asked: list[int] = []

    def limits() -> CopySettings:
        asked.append(1)
        return CopySettings(bandwidth="1K") if len(asked) < 5 else CopySettings()

    _carry(pair, limits)
    assert _files(pair.target) == _files(pair.source)


def test_ctrl_c_ends_every_connection(pair: Machine) -> None:
    _fill(pair.source)
    act = seeding(str(pair.target), 1000)
    hands: dict[Place, Hand] = {"source": pair, "target": pair}

    def interrupt(progress: Progress) -> None:
        if len(pair.talks) > 2 and _at_work() > threads:
            pair.processes.stop()
            raise KeyboardInterrupt

    threads = _at_work()
    with pytest.raises(KeyboardInterrupt):
        seed.seed(act, hands, interrupt, _throttle(lambda: CopySettings(bandwidth="1K")))
    assert all(talk.end().status != 0 for talk in pair.talks[3:])
    assert _at_work() == threads


def _at_work() -> int:
    # One that only waits for the time to kill whoever didn't end is none.
    return sum(not isinstance(each, threading.Timer) for each in threading.enumerate())
