"""Whether a kernel would tell of changes, asked by the calls that the tracker makes."""

from __future__ import annotations

import ctypes
import errno
import json
from pathlib import Path
from typing import Any

import pytest

from transhume.agent import probe, tracker


class Kernel:
    """Answers to both calls; what it refuses it refuses with that error."""

    def __init__(self, refused: dict[str, int], flags: tuple[int, ...] = ()) -> None:
        self._refused, self._flags = refused, flags
        self.marked: list[tuple[Any, ...]] = []

    def fanotify_init(self, flags: int, _: int) -> int:
        """Refused where it is to be, or for these flags alone."""
        return self._answer("fanotify_init", not self._flags or flags in self._flags)

    def fanotify_mark(self, *words: Any) -> int:
        """Note it."""
        self.marked.append((words[1], words[2].value, words[4]))
        return self._answer("fanotify_mark", True)

    def _answer(self, name: str, concerned: bool) -> int:
        if concerned and name in self._refused:
            ctypes.set_errno(self._refused[name])
            return -1
        return 3


def _told(
    kernel: Kernel,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *trees: Path,
) -> list[dict[str, str]]:
    monkeypatch.setattr(probe, "libc", kernel)
    probe.main([bytes(tree) for tree in trees])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_it_asks_for_what_the_tracker_will_ask_for() -> None:
    assert dict(probe.WAYS) == tracker.FLAGS
    assert list(tracker.FLAGS) == [way for way, _ in probe.WAYS]
    assert (probe.MASK, probe.ADD_FILESYSTEM, probe.REMOTE) == (
        tracker.MASK,
        tracker.ADD_FILESYSTEM,
        tracker.REMOTE,
    )


def test_a_tree_that_would_be_followed_and_one_that_isnt_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(probe, "kind", lambda path: "ext4")
    kernel = Kernel({})
    told = _told(kernel, monkeypatch, capsys, tmp_path, tmp_path / "absent")
    assert told == [{"tree": str(tmp_path), "way": "names", "refused": ""}]
    assert kernel.marked == [(probe.ADD_FILESYSTEM, probe.MASK, bytes(tmp_path))]


@pytest.mark.parametrize(
    ("refused", "flags", "way", "why"),
    [
        ({"fanotify_init": errno.ENOSYS}, (), "scan", "fanotify_init: Function not implemented"),
        (
            {"fanotify_init": errno.EINVAL},
            (probe.WAYS[0][1],),
            "folders",
            "fanotify_init: Invalid argument",
        ),
        ({"fanotify_mark": errno.EXDEV}, (), "scan", "fanotify_mark: Invalid cross-device link"),
    ],
)
def test_what_the_kernel_refuses_is_said(
    refused: dict[str, int],
    flags: tuple[int, ...],
    way: str,
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(probe, "kind", lambda path: "ext4")
    (told,) = _told(Kernel(refused, flags), monkeypatch, capsys, tmp_path)
    assert (told["way"], told["refused"]) == (way, why)


def test_what_other_machines_write_is_told_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(probe, "kind", lambda path: "fuse.sshfs")
    (told,) = _told(Kernel({}), monkeypatch, capsys, tmp_path)
    assert (told["way"], told["refused"]) == ("scan", "fuse.sshfs is of other machines, too")


def test_the_file_system_is_that_of_the_nearest_mount(tmp_path: Path) -> None:
    known = {mount[0]: mount[1].decode() for mount in tracker.mounts()}
    nearest = max(
        (top for top in known if (bytes(tmp_path) + b"/").startswith(top.rstrip(b"/") + b"/")),
        key=len,
    )
    assert probe.kind(bytes(tmp_path)) == known[nearest]
    assert probe.kind(b"/proc") == "proc"
