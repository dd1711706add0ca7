"""Child processes: their lines as they come, and none of them left behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from transhume.core.host import Output
from transhume.errors import EnvironmentLacks, StepFailed
from transhume.hosts import process
from transhume.hosts.process import Processes

pytestmark = pytest.mark.programs("sh")
_LIMIT = 10.0


def _run(script: str, stdin: bytes = b"", heard: Callable[[str], None] | None = None) -> Output:
    return Processes().run(("sh", "-c", script), stdin, heard)


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + _LIMIT
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < end, "it never came to it"
        pause.wait(0.01)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def waiting(tmp_path: Path) -> tuple[str, ...]:
    """A shell that notes its number and then waits for what never comes."""
    os.mkfifo(tmp_path / "never")
    return ("sh", "-c", f"echo $$ >{tmp_path}/pid; read x <{tmp_path}/never")


@pytest.fixture
def stubborn(waiting: tuple[str, ...]) -> tuple[str, ...]:
    """One that doesn't end when it is asked to."""
    return (*waiting[:2], f"trap '' TERM; {waiting[2]}")


def _pid(folder: Path) -> int:
    path = folder / "pid"
    _until(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def test_everything_it_says_and_its_status() -> None:
    said = _run(r"cat; printf 'a\0b'; echo wrong >&2; exit 3", b"in\xff")
    assert said == Output(3, b"in\xffa\0b", b"wrong\n")


def test_lines_come_when_they_are_printed(tmp_path: Path) -> None:
    """A progress line ends in a carriage return: it is heard before the next one is printed."""
    heard: list[str] = []
    os.mkfifo(tmp_path / "go")

    def hear(line: str) -> None:
        heard.append(line)
        if len(heard) == 1:
            (tmp_path / "go").write_text("go\n")

    _run(rf"printf '  1%%\r'; read go <{tmp_path}/go; printf '  2%%\r\nend \351'", b"", hear)
    assert heard == ["  1%", "  2%", "end \ufffd"]


def test_a_lot_on_both_streams_blocks_nothing_and_its_end_is_kept() -> None:
    script = "i=0; while [ $i -lt 3000 ]; do echo $i line of text; echo $i >&2; i=$((i+1)); done"
    assert len(_run(script).stdout.splitlines()) == 3000
    said = _run(script, b"", lambda line: None)
    assert said.stdout.splitlines()[-1] == b"2999 line of text"
    assert len(said.stdout.splitlines()) == len(said.stderr.splitlines()) == 200


def test_input_that_nobody_reads_is_no_error() -> None:
    assert _run("exit 0", b"x" * 1_000_000).status == 0


def test_messages_are_in_english_whatever_the_admin_speaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert _run("echo $LC_ALL").stdout == b"C.UTF-8\n"


def test_a_missing_program_is_told() -> None:
    with pytest.raises(EnvironmentLacks, match="the program no-such-program is missing"):
        Processes().run(("no-such-program", "x"))


def test_stop_ends_all_and_lets_none_begin(tmp_path: Path, waiting: tuple[str, ...]) -> None:
    processes = Processes()
    ended: list[Output] = []
    child = threading.Thread(target=lambda: ended.append(processes.run(waiting)))
    child.start()
    pid = _pid(tmp_path)
    processes.stop()
    processes.stop()
    child.join(_LIMIT)
    assert ended[0].status == -signal.SIGTERM
    assert not _runs(pid)
    with pytest.raises(KeyboardInterrupt):
        processes.run(("sh", "-c", "true"))


def test_who_doesnt_end_at_a_stop_is_seen_to(
    tmp_path: Path, stubborn: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for all lanes to end waits for it, too."""
    monkeypatch.setattr(process, "_GRACE_SECONDS", 0.05)
    processes, ended = Processes(), list[Output]()
    child = threading.Thread(target=lambda: ended.append(processes.run(stubborn)), daemon=True)
    child.start()
    _pid(tmp_path)
    processes.stop()
    child.join(_LIMIT)
    assert [output.status for output in ended] == [-signal.SIGKILL]


def _interrupt_once_it_runs(folder: Path) -> threading.Thread:
    def interrupt() -> None:
        _pid(folder)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


def test_ctrl_c_leaves_no_child(
    tmp_path: Path, stubborn: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also none that doesn't end when it is asked to."""
    monkeypatch.setattr(process, "_GRACE_SECONDS", 0.05)
    # Tests that were started in the background ignore it, and would wait for ever.
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupting = _interrupt_once_it_runs(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        Processes().run(stubborn)
    interrupting.join(_LIMIT)
    signal.signal(signal.SIGINT, former)
    pid = _pid(tmp_path)
    _until(lambda: not _runs(pid))


def test_its_own_children_end_with_it(tmp_path: Path, waiting: tuple[str, ...]) -> None:
    processes = Processes()
    script = f"sh -c '{waiting[2]}' & echo started; wait"
    outer = ("sh", "-c", script.replace("$$", "$PPID $$"))
    lines: list[str] = []
    child = threading.Thread(target=lambda: processes.run(outer, b"", lines.append))
    child.start()
    path = tmp_path / "pid"
    _until(lambda: path.exists() and path.read_text().endswith("\n"))
    pids = [int(word) for word in path.read_text().split()]
    processes.stop()
    child.join(_LIMIT)
    _until(lambda: not any(_runs(pid) for pid in pids))


def test_a_listener_that_fails_ends_the_child_and_is_told(waiting: tuple[str, ...]) -> None:
    """Such as a journal on a full disk: the child must not fill its pipe and wait for ever."""

    def fail(line: str) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        Processes().run((*waiting[:2], f"echo first; echo second; {waiting[2]}"), b"", fail)


def test_one_in_the_background_stays_until_it_is_ended(
    tmp_path: Path, waiting: tuple[str, ...]
) -> None:
    processes = Processes()
    tunnel = processes.background(waiting)
    pid = _pid(tmp_path)
    assert _runs(pid)
    processes.stop()
    assert tunnel.wait(_LIMIT) == -signal.SIGTERM


def test_lines_come_while_it_still_runs(waiting: tuple[str, ...]) -> None:
    lines = Processes().lines((*waiting[:2], f"echo one; {waiting[2]}"))
    assert next(lines) == b"one"
    lines.close()  # type: ignore[attr-defined]


def test_whoever_stops_listening_ends_it(waiting: tuple[str, ...], tmp_path: Path) -> None:
    lines = Processes().lines((*waiting[:2], f"echo one; {waiting[2]}"))
    next(lines)
    pid = _pid(tmp_path)
    lines.close()  # type: ignore[attr-defined]
    assert not _runs(pid)


def test_lines_of_one_that_fails_are_no_whole_answer() -> None:
    lines = Processes().lines(("sh", "-c", "echo one; echo broken >&2; exit 3"))
    assert next(lines) == b"one"
    with pytest.raises(StepFailed, match="sh ended with status 3: broken"):
        next(lines)


def test_more_than_a_pipe_holds_goes_both_ways() -> None:
    given = b"x" * 99 + b"\n"
    lines = Processes().lines(("sh", "-c", "cat; cat /dev/null >&2"), given * 5000)
    assert sum(1 for line in lines if line == given[:-1]) == 5000


def test_a_child_is_told_things_and_answers() -> None:
    talk = Processes().talk(("sh", "-c", 'while read -r line; do echo "<$line>"; done; exit 3'))
    talk.tell(b"one\n")
    assert talk.hear() == b"<one>\n"
    talk.tell(b"two\n")
    assert talk.hear() == b"<two>\n"
    talk.hush()
    assert talk.hear() == b""
    assert talk.end().status == 3


def test_a_child_that_doesnt_listen_any_more_says_why() -> None:
    talk = Processes().talk(("sh", "-c", "echo why >&2; exit 1"))
    assert talk.hear() == b""
    talk.tell(b"x" * 100_000)
    assert talk.end() == Output(1, b"", b"why\n")


def test_a_child_is_stopped_in_the_middle_of_its_talk() -> None:
    talk = Processes().talk(("sh", "-c", "echo here; read -r line"))
    assert talk.hear() == b"here\n"
    talk.stop()
    talk.stop()
    assert talk.end().status == -signal.SIGTERM


@pytest.mark.programs("yes", "sh", "cat")
def test_whoever_talks_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_MOST", 1 << 20)
    with pytest.raises(StepFailed, match="yes prints more than 1 MiB"):
        Processes().run(("yes",))
    with pytest.raises(StepFailed, match="sh prints more than 1 MiB"):
        _run("cat /dev/zero >&2")


@pytest.mark.programs("sh", "cat")
def test_a_line_without_an_end_is_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_LONGEST", 1 << 20)
    with pytest.raises(StepFailed, match="sh prints a line without an end"):
        list(Processes().lines(("sh", "-c", "echo one; exec cat /dev/zero")))
    heard: list[str] = []
    _run("head -c 300000 /dev/zero", heard=heard.append)
    assert max(map(len, heard)) < 200_000
    assert sum(map(len, heard)) == 300_000


def test_a_word_that_no_command_can_have_is_told() -> None:
    for word in ("a\0b", "\ud800"):
        with pytest.raises(StepFailed, match="can't be given a word"):
            Processes().run(("sh", "-c", "true", word))
