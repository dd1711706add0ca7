"""Two real trees: every kind of damage is named, and nothing else is."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.steps.disk import two
from transhume.agent import manifest
from transhume.core.finding import Proof
from transhume.steps.manifest import Tree
from transhume.steps.tree_proof import prove_trees

ODD = (b"two\nlines", b"back\\slash", b"back\\nslash", b"-rf", b"\xff\xfe", b" lead", b"!", b"=0")
_LONG_AGO = 1_500_000_000 * 10**9


def _write(path: bytes, content: bytes) -> None:
    Path(os.fsdecode(path)).write_bytes(content)


def _fill(root: bytes) -> None:
    Path(os.fsdecode(root), "t/inner/deeper").mkdir(parents=True)
    for name in (*ODD, b"plain", b"inner/one", b"inner/deeper/two", b"inner.after"):
        _write(root + b"/t/" + name, b"content of " + name)
    os.link(root + b"/t/plain", root + b"/t/inner/linked")
    os.link(root + b"/t/plain", root + b"/t/also linked")
    Path(os.fsdecode(root), "t/symlink").symlink_to("plain")
    os.mkfifo(root + b"/t/pipe")
    _write(root + b"/t/holes", b"")
    os.truncate(root + b"/t/holes", 1 << 20)
    os.setxattr(root + b"/t/inner/one", "user.origin", b"here")
    for folder, folders, files in os.walk(root, topdown=False):
        for name in (*files, *folders):
            times = (_LONG_AGO, _LONG_AGO)
            os.utime(folder + b"/" + name, ns=times, follow_symlinks=False)


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    """Two equal trees with all there may be in one."""
    for place in ("source", "target"):
        _fill(os.fsencode(tmp_path / place))
    return tmp_path


def _proof(folder: Path, tree: Tree = Tree("/t")) -> Proof:  # noqa: B008 - it is frozen
    (proof,) = prove_trees(two(folder), [tree])
    return proof


def test_equal_trees_are_wholly_equal(trees: Path) -> None:
    proof = _proof(trees)
    assert proof.differing == ()
    assert (proof.compared, proof.equal) == (len(ODD) + 12, len(ODD) + 12)
    assert proof.whole


def _kept(path: Path, act: Callable[[Path], object]) -> None:
    """Do it, and leave the folder's time as it was."""
    folder = path.parent.stat()
    act(path)
    os.utime(path.parent, ns=(folder.st_atime_ns, folder.st_mtime_ns))


def _split(path: Path) -> None:
    known, content = path.stat(), path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))


def _points_elsewhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")
    os.utime(path, ns=(_LONG_AGO, _LONG_AGO), follow_symlinks=False)


def _becomes_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    os.utime(path, ns=(_LONG_AGO, _LONG_AGO))


def _without_holes(path: Path) -> None:
    path.write_bytes(b"\1" * (1 << 20))
    os.utime(path, ns=(_LONG_AGO, _LONG_AGO))


@pytest.mark.parametrize(
    ("name", "act", "said"),
    [
        ("inner/one", Path.unlink, "missing on the target"),
        ("inner/extra", Path.touch, "only on the target"),
        ("inner/deeper/zz", Path.touch, "only on the target"),
        ("inner/one", lambda p: p.chmod(0o640), "mode 644 on the source, 640 on the target"),
        ("inner/one", lambda p: os.removexattr(p, "user.origin"), "attributes user.origin="),
        ("inner/linked", _split, "hard link with also linked on the source, none on the target"),
        ("symlink", _points_elsewhere, "leads to plain on the source, nowhere on the target"),
        (
            "inner/one",
            lambda p: os.utime(p, ns=(1, 7)),
            "time 1500000000.000000000 on the source, 0",
        ),
        ("plain2", lambda p: p.symlink_to("x"), "only on the target"),
        ("holes", _without_holes, "holes sparse on the source, none on the target"),
        ("pipe", _becomes_folder, "kind pipe on the source, folder on the target"),
    ],
)
def test_each_damage_is_named_and_nothing_else(
    trees: Path, name: str, act: Callable[[Path], object], said: str
) -> None:
    _kept(trees / "target/t" / name, act)
    proof = _proof(trees)
    assert [line.partition(": ")[0] for line in proof.differing] == [name]
    assert said in proof.differing[0]
    assert proof.compared - proof.equal == 1


@pytest.mark.parametrize("name", ODD)
def test_a_name_is_what_the_disk_has(trees: Path, name: bytes) -> None:
    os.utime(os.fsencode(trees / "target/t") + b"/" + name, ns=(1, 1))
    (line,) = _proof(trees).differing
    assert os.fsencode(line).startswith(name + b": time ")


def test_a_flipped_byte_is_found_where_every_byte_is_read(trees: Path) -> None:
    path = trees / "target/t/inner/one"
    known = path.stat()
    path.write_bytes(b"X" + path.read_bytes()[1:])
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))
    assert _proof(trees).whole
    assert _proof(trees, Tree("/t", contents="bytes")).differing == ("inner/one: content differs",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_an_owner_is_named(trees: Path) -> None:
    os.chown(trees / "target/t/plain", 1, 54321)
    told = sorted(_proof(trees).differing)
    assert [line.partition(":")[0] for line in told] == ["also linked", "inner/linked", "plain"]
    assert "owner root on the source, daemon on the target" in told[0]
    assert "group root on the source, #54321 on the target" in told[0]


@pytest.mark.programs("setfacl")
def test_a_lost_list_of_rights_is_named(trees: Path) -> None:
    for place in ("source", "target"):
        given = "u:daemon:r-x" if place == "source" else "u:bin:r-x"
        subprocess.run(("setfacl", "-m", given, str(trees / place / "t/inner")), check=True)
    (line,) = _proof(trees).differing
    assert line.startswith("inner: attributes system.posix_acl_access=u:7,u:daemon:5")


def test_more_holes_than_the_original_are_no_difference(trees: Path) -> None:
    _without_holes(trees / "source/t/holes")
    assert _proof(trees).whole


@pytest.mark.parametrize(
    ("places", "path", "told"),
    [
        (("source",), "inner/one", "only on the target"),
        (("target",), "inner/one", "missing on the target"),
        (("source", "target"), "inner/one", ""),
        (("target",), "inner", "missing on the target"),
    ],
)
def test_what_vanishes_while_it_is_listed_is_looked_at_again(
    trees: Path, monkeypatch: pytest.MonkeyPatch, places: tuple[str, ...], path: str, told: str
) -> None:
    walked = manifest.listed

    def vanishing(
        top: bytes, folder: bytes, patterns: list[str]
    ) -> tuple[list[bytes], list[bytes]]:
        found = walked(top, folder, patterns)
        for place in places:
            gone = trees / place / "t" / path
            if os.fsdecode(top).startswith(f"{trees}/{place}/") and gone.exists():
                if folder == b"inner" and gone.is_file():
                    gone.unlink()
                elif not folder and gone.is_dir():
                    shutil.rmtree(gone)
        return found

    monkeypatch.setattr(manifest, "listed", vanishing)
    lines = [line for line in _proof(trees).differing if line.startswith(f"{path}: ")]
    assert lines == ([f"{path}: {told}"] if told else [])


def test_a_folder_that_cant_be_read_is_no_pass(
    trees: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked = manifest.listed

    def failing(top: bytes, folder: bytes, patterns: list[str]) -> tuple[list[bytes], list[bytes]]:
        if folder == b"inner":
            raise OSError(5, "Input/output error")
        return walked(top, folder, patterns)

    monkeypatch.setattr(manifest, "listed", failing)
    (line,) = _proof(trees).differing
    assert line.startswith("inner: couldn't be read on the source (Input/output error)")


def test_a_tree_that_isnt_there_is_no_pass(trees: Path) -> None:
    shutil.rmtree(trees / "target/t")
    proof = _proof(trees)
    assert proof.equal == 0
    assert proof.differing[0].startswith(".: couldn't be read on the target (No such file")


def test_neither_side_there_is_no_pass(tmp_path: Path) -> None:
    assert not _proof(tmp_path).whole


def test_what_is_left_out_isnt_looked_at(trees: Path) -> None:
    (trees / "target/t/inner/one").unlink()
    os.utime(trees / "target/t/inner", ns=(_LONG_AGO, _LONG_AGO))
    assert _proof(trees, Tree("/t", exclude=("/inner/on*",))).whole


def test_only_the_given_paths_are_looked_at(trees: Path) -> None:
    (trees / "target/t/inner/one").unlink()
    (trees / "target/t/plain").chmod(0o600)
    (trees / "source/t/gone").mkdir()
    paths = ("inner/one", "inner/deeper/two", "never/there", "inner", "gone/x")
    proof = _proof(trees, Tree("/t", only=paths))
    assert proof.compared == len(paths)
    assert [line.partition(":")[0] for line in proof.differing] == ["inner", "inner/one"]


def test_each_tree_has_its_own_proof(trees: Path) -> None:
    for place in ("source", "target"):
        (trees / place / "empty").mkdir()
        os.utime(trees / place / "empty", ns=(1, 1))
    (trees / "target/t/plain").chmod(0o600)
    wanted = [Tree("/empty"), Tree("/t"), Tree("/empty", only=()), Tree("/t/inner")]
    proofs = list(prove_trees(two(trees), wanted))
    assert [proof.part for proof in proofs] == [tree.path for tree in wanted]
    assert [proof.whole for proof in proofs] == [True, False, False, False]
    assert str(proofs[2]) == "/empty: nothing to compare"


def test_of_many_differences_the_first_are_named_and_all_are_told(tmp_path: Path) -> None:
    for place in ("source", "target"):
        (tmp_path / place / "t").mkdir(parents=True)
        os.utime(tmp_path / place / "t", ns=(1, 1))
    for number in range(1100):
        (tmp_path / f"source/t/{number}").touch()
    os.utime(tmp_path / "source/t", ns=(1, 1))
    told: list[str] = []
    (proof,) = prove_trees(two(tmp_path), [Tree("/t")], lambda part, said: told.append(said))
    assert (proof.compared, proof.equal) == (1101, 1)
    assert (len(proof.differing), len(told)) == (1000, 1100)
