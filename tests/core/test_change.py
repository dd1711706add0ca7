"""Acts: what they type, and that writing a file leaves a whole one, whatever happens."""

from __future__ import annotations

import getpass
import subprocess
from pathlib import Path

import pytest

from transhume.core.change import (
    Act,
    Change,
    Command,
    DumpDatabase,
    Keep,
    RemoveFile,
    Reroute,
    Run,
    Series,
    SyncFiles,
    SyncPaths,
    SyncTree,
    Together,
    WriteFile,
    leaves,
)


def _only(act: SyncTree | SyncFiles | WriteFile | RemoveFile) -> Command:
    return list(act.commands())[-1]


def _write(path: Path, content: bytes, mode: str = "0640") -> subprocess.CompletedProcess[bytes]:
    owner = getpass.getuser()
    command = _only(WriteFile("target", str(path), content, mode, owner))
    return subprocess.run(command.argv, input=command.input, check=False, capture_output=True)


@pytest.mark.programs("sh")
@pytest.mark.parametrize("name", ["plain", "a b", "it's\n$HOME", "-n", "\udce9"])
def test_a_file_is_written_whole_with_its_mode(tmp_path: Path, name: str) -> None:
    path = tmp_path / "new" / name
    assert _write(path, b"one\0\xff").returncode == 0
    assert path.read_bytes() == b"one\0\xff"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in path.parent.iterdir()] == [name]


@pytest.mark.programs("sh")
def test_a_file_that_cant_be_written_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"before")
    assert _write(path, b"after", mode="no mode").returncode != 0
    assert path.read_bytes() == b"before"


@pytest.mark.programs("sh")
@pytest.mark.parametrize("arrived", [0, 1, 4])
def test_of_a_cut_stream_nothing_is_put_in_place(tmp_path: Path, arrived: int) -> None:
    """A line that dies ends what comes over it, which to a program is the end of the file."""
    path = tmp_path / "x"
    path.write_bytes(b"before")
    command = _only(WriteFile("target", str(path), b"after", "0640", getpass.getuser()))
    done = subprocess.run(command.argv, input=command.input[:arrived], check=False)
    assert done.returncode != 0
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


@pytest.mark.programs("sh")
def test_a_link_is_replaced_and_what_it_leads_to_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"before")
    (tmp_path / "x").symlink_to("real")
    assert _write(tmp_path / "x", b"after").returncode == 0
    assert (tmp_path / "real").read_bytes() == b"before"
    assert not (tmp_path / "x").is_symlink()


@pytest.mark.programs("rm")
@pytest.mark.parametrize("name", ["x", "-rf"])
def test_a_file_is_removed_once_and_again(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    for _ in range(2):
        argv = _only(RemoveFile("target", str(tmp_path / name))).argv
        assert subprocess.run(argv, check=False).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_copying_and_proving_say_the_same_to_rsync() -> None:
    tree = SyncTree("/var/spool/x", finish=True, exclude=("/a", "*.b"))
    said = _only(tree).argv
    assert said[-len(tree.arguments()) :] == tree.arguments()
    assert said[-2:] == ("transhume-source:/var/spool/x/", "/var/spool/x/")
    assert {"--exclude=/a", "--exclude=*.b", "--delete-delay", "-aHAXS"} <= set(said)


def test_files_are_named_by_input_not_by_argument() -> None:
    command = _only(SyncFiles(("/etc/a b", "/etc/\udce9\n")))
    assert command.input == b"etc/a b\0etc/\xe9\n\0"
    assert "/etc/a b" not in command.argv


def test_a_dump_begins_in_an_empty_private_folder() -> None:
    first, second, third = DumpDatabase("bj", "/state/dumps/bj", 4, "zstd:1").commands()
    assert first.argv == ("rm", "-rf", "--", "/state/dumps/bj")
    assert second.argv == ("mkdir", "-p", "-m", "0700", "/state/dumps")
    assert {"--format=directory", "--jobs=4", "--compress=zstd:1"} <= set(third.argv)


def test_a_change_is_at_the_places_of_its_commands() -> None:
    act = Together((Run("source", ("a",)), Series((Run("target", ("b",)), Reroute("x")))))
    assert Change("x", act, Keep("y")).places() == {"source", "target"}
    assert Change("x", Reroute("x"), Keep("y")).places() == frozenset()
    assert [type(leaf).__name__ for leaf in leaves(act)] == ["Run", "Run", "Reroute"]


def test_a_command_reads_as_it_would_be_typed() -> None:
    assert str(Command("source", ("echo", "it's", "$HOME"))) == """echo 'it'"'"'s' '$HOME'"""


@pytest.mark.programs("rsync")
def test_the_folders_on_the_way_to_a_file_stay_the_targets(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    for top, mode in ((there, 0o777), (here, 0o750)):
        (top / "etc").mkdir(parents=True)
        (top / "etc").chmod(mode)
        top.chmod(mode)
    (there / "etc/motd").write_text("hello")
    command = _only(SyncFiles(("/etc/motd", "/etc/new/x")))
    words = [word for word in command.argv[:-2] if not word.startswith("--rsh=")]
    (there / "etc/new").mkdir()
    (there / "etc/new/x").write_text("new")
    subprocess.run((*words, f"{there}/", f"{here}/"), input=command.input, check=True)
    assert (here / "etc/motd").read_text() == "hello"
    assert (here / "etc/new/x").read_text() == "new"
    assert [each.stat().st_mode & 0o777 for each in (here, here / "etc")] == [0o750, 0o750]


_CUT = (
    b'rsync: [sender] read errors mapping "/x/a\\#012b": No data available (61)\n'
    b"ERROR: a failed verification -- update discarded.\n"
    b"ERROR: b failed verification -- update put into partial-dir.\n"
    b"rsync error: some files/attrs were not transferred (see previous errors) (code 23) at "
    b"main.c(1394) [sender=3.5.0]\n"
)
_UNREAD = b'rsync: [sender] read errors mapping "/x/a": Input/output error (5)\n'


@pytest.mark.parametrize("act", [SyncTree("/x"), SyncPaths("/x", b"a\0")])
def test_a_file_cut_while_it_is_copied_is_no_failure_while_people_work(act: Act) -> None:
    *_, rsync = act.commands()
    assert rsync.succeeded(24, b"")
    assert rsync.succeeded(23, _CUT)
    assert rsync.succeeded(23, _CUT.replace(b"[sender] ", b""))
    assert not rsync.succeeded(11, _CUT)


@pytest.mark.parametrize("said", [b"", _UNREAD + _CUT, _CUT + _UNREAD, _CUT * 100])
def test_whatever_else_is_said_with_it_is_a_failure(said: bytes) -> None:
    (rsync,) = SyncPaths("/x", b"a\0").commands()
    assert not rsync.succeeded(23, said)


@pytest.mark.parametrize("act", [SyncTree("/x", finish=True), SyncPaths("/x", b"a\0", True)])
def test_when_nobody_works_it_is_one(act: Act) -> None:
    *_, rsync = act.commands()
    assert not rsync.succeeded(23, _CUT)
    assert not rsync.succeeded(24, b"")
