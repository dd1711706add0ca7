"""What is gone on the target goes from the source, whatever its name is."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from transhume.core.change import SyncPaths
from transhume.core.command import Command

pytestmark = pytest.mark.programs("xargs", "sh")

# As if the other machine were reached: its shell gets the last words, and the line may be cut.
_SSH = """\
#!/bin/sh
while test "$1" != --; do shift; done
shift
head -c "${CUT:--0}" | sh -c "$*"
"""
# Its files are those under $OTHER.
_RM = """\
#!/bin/sh
test "$1" = -rf || exec /bin/rm "$@"
shift 2
for path; do set -- "$@" "$OTHER$path"; shift; done
exec /bin/rm -rf -- "$@"
"""
_NAMES = (b"-rf", b"a\nb", b"two words", b"lat\xe9", b"folder/in", b"whole", b"'$(touch evil)\"")
_STAYING = (b"kept", b"leads")


@dataclass(frozen=True)
class _Machines:
    """The target's tree, in which the names are missing, and the source's, which has all."""

    tree: Path
    other: Path
    search: dict[str, str]

    def type(self, command: Command, heard: bytes, cut: str = "-0") -> int:
        search = {**self.search, "CUT": cut}
        return subprocess.run(command.argv, input=heard, env=search, check=False).returncode

    def left(self) -> list[str]:
        return sorted(str(item.relative_to(self.other)) for item in self.other.rglob("*"))


@pytest.fixture
def machines(tmp_path: Path) -> _Machines:
    tree, root, path = tmp_path / "tree", tmp_path / "other", tmp_path / "bin"
    path.mkdir()
    for name, text in (("ssh", _SSH), ("rm", _RM)):
        (path / name).write_text(text)
        (path / name).chmod(0o755)
    other = Path(f"{root}{tree}")
    for top in (tree, other):
        (top / "folder").mkdir(parents=True)
        (top / "kept").touch()
        (top / "leads").symlink_to("nowhere")
    (other / "whole").mkdir()
    for word in (*_NAMES[:5], _NAMES[6], b"whole/within", b"unnamed"):
        (other / os.fsdecode(word)).write_text("x")
    search = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}", "OTHER": str(root)}
    return _Machines(tree, other, {**search, "TMPDIR": str(tmp_path)})


def _gone(tree: Path, *names: bytes) -> Command:
    *_, gone = SyncPaths(
        str(tree), b"".join(name + b"\0" for name in names), False, True
    ).commands()
    return gone


def test_it_takes_just_what_is_named_and_missing(machines: _Machines, tmp_path: Path) -> None:
    gone = _gone(machines.tree, *_NAMES, *_STAYING)
    assert machines.type(gone, gone.input) == 0
    assert machines.left() == ["folder", "kept", "leads", "unnamed"]
    assert not list(tmp_path.glob("tmp.*"))


def test_nothing_is_missing(machines: _Machines) -> None:
    before = machines.left()
    gone = _gone(machines.tree, *_STAYING)
    assert machines.type(gone, gone.input) == 0
    assert machines.left() == before


def test_a_list_that_is_cut_on_the_line_takes_nothing(machines: _Machines, tmp_path: Path) -> None:
    """Its last word would be another name: of a folder that holds all mail, for instance."""
    before = machines.left()
    (machines.tree / "folder").rmdir()
    gone = _gone(machines.tree, b"folder/in")
    whole = len(os.fsencode(machines.tree)) + len("/folder/in\0")
    for cut in (0, 1, whole - len("/in\0"), whole - 1):
        assert machines.type(gone, gone.input, str(cut)) != 0
        assert machines.left() == before
    assert not list(tmp_path.glob("tmp.*"))


def test_a_list_of_which_the_end_never_came_takes_nothing(machines: _Machines) -> None:
    before = machines.left()
    gone = _gone(machines.tree, *_NAMES)
    for length in (0, 1, len(gone.input) - 3, len(gone.input) - 1):
        assert machines.type(gone, gone.input[:length]) != 0
    assert machines.left() == before


def test_that_it_couldnt_be_done_is_an_error(machines: _Machines, tmp_path: Path) -> None:
    (tmp_path / "bin/ssh").write_text("#!/bin/sh\nexit 255\n")
    gone = _gone(machines.tree, b"missing")
    assert machines.type(gone, gone.input) == 255
    shutil.rmtree(machines.tree)
    assert machines.type(gone, gone.input) not in (0, 255)
