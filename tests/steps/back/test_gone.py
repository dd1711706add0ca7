"""What is gone on the target goes from the source, whatever its name is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from transhume.core.change import SyncPaths

pytestmark = pytest.mark.programs("xargs", "sh", "find")

# As if the other machine's root were in $OTHER: paths come on standard input.
_SSH = '#!/bin/sh\nsed -z "s,^,$OTHER," | xargs -0 -r rm -rf --\n'
_NAMES = (b"-rf", b"a\nb", b"two words", b"lat\xe9", b"folder/in", b"whole", b"'$(touch evil)\"")


def test_it_takes_just_what_is_named_and_missing(tmp_path: Path) -> None:
    tree, other, path = tmp_path / "tree", tmp_path / "other", tmp_path / "bin"
    path.mkdir()
    (path / "ssh").write_text(_SSH)
    (path / "ssh").chmod(0o755)
    for top in (tree, Path(f"{other}{tree}")):
        (top / "folder").mkdir(parents=True)
        (top / "whole").mkdir()
        for name in (*_NAMES[:5], _NAMES[6], b"whole/within", b"kept", b"unnamed"):
            (top / os.fsdecode(name)).write_text("x")
        (top / "leads").symlink_to("nowhere")
    subprocess.run(
        (
            "find",
            tree,
            "-mindepth",
            "1",
            "(",
            "-name",
            "folder",
            "-o",
            "-name",
            "kept",
            "-o",
            "-name",
            "leads",
            ")",
            "-o",
            "-delete",
        ),
        check=True,
    )
    act = SyncPaths(
        str(tree), b"".join(name + b"\0" for name in (*_NAMES, b"kept", b"leads")), to_source=True
    )
    *_, gone = act.commands()
    search = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}", "OTHER": str(other)}
    subprocess.run(gone.argv, input=gone.input, env=search, check=True)
    left = sorted(item.name for item in Path(f"{other}{tree}").iterdir())
    assert left == ["folder", "kept", "leads", "unnamed"]
    assert list((Path(f"{other}{tree}") / "folder").iterdir()) == []


def test_that_it_couldnt_be_done_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ssh").write_text("#!/bin/sh\nexit 255\n")
    (tmp_path / "ssh").chmod(0o755)
    *_, gone = SyncPaths(str(tmp_path), b"missing\0", to_source=True).commands()
    search = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(gone.argv, input=gone.input, env=search, check=False)
    assert done.returncode == 255
