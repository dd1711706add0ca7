"""Child processes: their output line by line, and none of them left behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import IO

from transhume.core.command import MOST_LINES
from transhume.core.host import Output
from transhume.errors import EnvironmentLacks, StepFailed
from transhume.hosts.reins import Reins

# A machine in other hands may talk for ever: what is kept whole, a line that is one piece of an
# answer, and one that is only heard.
_MOST, _LONGEST, _HEARD = 1 << 30, 1 << 24, 1 << 16
_CHUNK = 65536
_GRACE_SECONDS = 5.0
_END_OF_LINE = re.compile(rb"[\r\n]+")
# The kernel ends the child when this process dies, so that no rsync outlives a killed transhume.
_LEASH = ("setpriv", "--pdeathsig", "TERM")


class Processes:
    """The children of this run; `stop` ends them all and lets no new one begin."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopping = False

    def stop(self) -> bool:
        """End every child; whether nobody did so before. Safe in a signal handler."""
        first, self._stopping = not self._stopping, True
        self._signal_all(signal.SIGTERM)
        if first:
            # Whoever waits for one that doesn't end, in whatever thread, mustn't wait for ever.
            later = threading.Timer(_GRACE_SECONDS, self._signal_all, (signal.SIGKILL,))
            later.daemon = True
            later.start()
        return first

    def _signal_all(self, number: signal.Signals) -> None:
        for process in tuple(self._running):
            if process.poll() is None:
                _signal(process, number)

    def run(
        self,
        argv: Sequence[str],
        stdin: bytes = b"",
        heard: Callable[[str], None] | None = None,
        may: Callable[[], bool] | None = None,
    ) -> Output:
        """Run to the end. With `heard`, lines are handed over and only the last ones are kept.

        While `may` says no, what reads the source in it stands still.
        """
        process = self._start(argv)
        problems: list[BaseException] = []
        try:
            with process:
                try:
                    with self._held(process, may, problems):
                        return _talk(process, stdin, heard, problems)
                except BaseException:
                    # Before its pipes are closed: that would wait for whoever reads them.
                    _end(process)
                    raise
        finally:
            self._running.discard(process)

    def _held(
        self,
        process: subprocess.Popen[bytes],
        may: Callable[[], bool] | None,
        problems: list[BaseException],
    ) -> AbstractContextManager[object]:
        if may is None:
            return nullcontext()
        return Reins(
            process.pid,
            may,
            lambda: self._stopping or bool(problems),
            lambda problem: _failed(process, problem, problems),
        )

    def lines(
        self,
        argv: Sequence[str],
        stdin: bytes = b"",
        aside: Callable[[bytes], None] = lambda said: None,
    ) -> Iterator[bytes]:
        """The lines that it prints, as they come, whatever their number; StepFailed at its error.

        Whoever stops listening ends it. `aside` gets at its end what it said on standard error.
        """
        process = self._start(argv)
        try:
            with process:
                try:
                    yield from _listen(process, stdin, argv[0], aside)
                except BaseException:
                    _end(process)
                    raise
        finally:
            self._running.discard(process)

    def talk(self, argv: Sequence[str]) -> Talking:
        """Start one to talk with; the caller ends it."""
        return Talking(self._start(argv), self._running.discard)

    def background(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start one that stays until it is ended or this process is."""
        # Nobody reads what it says, and a full pipe would hold it up.
        return self._start(argv, subprocess.DEVNULL)

    def _start(
        self, argv: Sequence[str], streams: int = subprocess.PIPE
    ) -> subprocess.Popen[bytes]:
        if self._stopping:
            raise KeyboardInterrupt
        for program in (_LEASH[0], argv[0]):
            if shutil.which(program) is None:
                raise EnvironmentLacks(
                    f"the program {program} is missing on this machine",
                    remedy=f"apt install {program}",
                )
        process = _begun(argv, streams)
        self._running.add(process)
        if self._stopping:
            # It began while all others were being ended.
            _signal(process, signal.SIGTERM)
        return process


def _begun(argv: Sequence[str], streams: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            (*_LEASH, *argv),
            stdin=streams,
            stdout=streams,
            stderr=streams,
            # Ctrl-C goes to this process alone; it ends the children itself, in order.
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except ValueError as error:
        # A NUL, or what is no character: names come from strangers.
        raise StepFailed(f"{argv[0]} can't be given a word of its command ({error})") from None


class Talking:
    """A child that is told things and answers, in one thread; its complaints are read aside."""

    def __init__(
        self, process: subprocess.Popen[bytes], gone: Callable[[subprocess.Popen[bytes]], None]
    ) -> None:
        assert process.stderr
        self._process = process
        self._gone = gone
        self._said: list[bytes] = []
        self._reader = threading.Thread(
            target=_drain, args=(process.stderr, self._said, _unheard), daemon=True
        )
        self._reader.start()

    def tell(self, data: bytes) -> None:
        """Put this on its standard input."""
        assert self._process.stdin
        # When it is gone its status says why.
        with suppress(BrokenPipeError):
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def hush(self) -> None:
        """Close its standard input."""
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def hear(self) -> bytes:
        """The next piece of what it prints; empty at the end."""
        assert self._process.stdout
        return self._process.stdout.read1(_CHUNK)  # type: ignore[attr-defined, no-any-return]

    def end(self) -> Output:
        """Wait for its end."""
        self.hush()
        status = self._process.wait()
        self._reader.join()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream
            stream.close()
        self._gone(self._process)
        return Output(status, b"", b"".join(self._said))

    def stop(self) -> None:
        """End it and its own children."""
        if self._process.poll() is None:
            _end(self._process)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
        # What is held back doesn't hear it otherwise.
        os.killpg(process.pid, signal.SIGCONT)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, give it a moment, then see to it, its own children included."""
    _signal(process, signal.SIGTERM)
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    finally:
        _signal(process, signal.SIGKILL)


class _TooMuch(Exception):
    """It talks more than can be meant."""


def _talk(
    process: subprocess.Popen[bytes],
    stdin: bytes,
    heard: Callable[[str], None] | None,
    problems: list[BaseException],
) -> Output:
    assert process.stdin
    assert process.stdout
    assert process.stderr
    collected: list[list[bytes]] = [[], []]
    hear = heard and _careful(process, heard, problems)
    streams = (process.stdout, process.stderr)
    readers = [
        threading.Thread(target=_drained, args=(process, stream, kept, hear, problems), daemon=True)
        for stream, kept in zip(streams, collected, strict=True)
    ]
    for reader in readers:
        reader.start()
    _feed(process.stdin, stdin)
    for reader in readers:
        reader.join()
    if problems:
        raise problems[0]
    return Output(process.wait(), b"".join(collected[0]), b"".join(collected[1]))


def _listen(
    process: subprocess.Popen[bytes], stdin: bytes, name: str, aside: Callable[[bytes], None]
) -> Iterator[bytes]:
    assert process.stdin
    assert process.stdout
    assert process.stderr
    said: list[bytes] = []
    # Both beside the reading: a full pipe of one must not hold up the other.
    helpers = [
        threading.Thread(target=_feed, args=(process.stdin, stdin), daemon=True),
        threading.Thread(target=_drain, args=(process.stderr, said, _unheard), daemon=True),
    ]
    for helper in helpers:
        helper.start()
    while line := process.stdout.readline(_LONGEST):
        if len(line) == _LONGEST:
            raise StepFailed(f"{name} prints a line without an end")
        yield line.rstrip(b"\n")
    for helper in helpers:
        helper.join()
    if process.wait() != 0:
        last = b"".join(said).decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
        raise StepFailed(f"{name} ended with status {process.returncode}: {last[0]}")
    aside(b"".join(said))


def _careful(
    process: subprocess.Popen[bytes], heard: Callable[[str], None], problems: list[BaseException]
) -> Callable[[str], None]:
    """A listener that fails ends the child, which would fill its pipe and wait for ever."""

    def hear(line: str) -> None:
        if problems:
            return
        try:
            heard(line)
        except Exception as problem:  # noqa: BLE001 - told in the thread that waits
            _failed(process, problem, problems)

    return hear


def _failed(
    process: subprocess.Popen[bytes], problem: BaseException, problems: list[BaseException]
) -> None:
    problems.append(problem)
    _signal(process, signal.SIGTERM)


def _unheard(line: str) -> None:
    """Only the last lines are kept."""


def _drained(
    process: subprocess.Popen[bytes],
    stream: IO[bytes],
    kept: list[bytes],
    heard: Callable[[str], None] | None,
    problems: list[BaseException],
) -> None:
    """Read to the end; whoever talks for ever is ended."""
    try:
        _drain(stream, kept, heard)
    except _TooMuch:
        name = str(process.args[len(_LEASH)])  # type: ignore[index]
        problems.append(StepFailed(f"{name} prints more than {_MOST >> 20} MiB"))
        _end(process)


def _feed(stream: IO[bytes], content: bytes) -> None:
    try:
        stream.write(content)
        stream.close()
    except BrokenPipeError:
        return  # It ended without reading all; its status says whether that is an error.


def _drain(stream: IO[bytes], kept: list[bytes], heard: Callable[[str], None] | None) -> None:
    if heard is None:
        kept.append(stream.read(_MOST))
        if len(kept[0]) == _MOST:
            raise _TooMuch
        return
    last: deque[bytes] = deque(maxlen=MOST_LINES)
    for line in _lines(stream):
        last.append(line + b"\n")
        heard(line.decode(errors="replace"))
    kept.extend(last)


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    # read1: a progress line that ends in a carriage return must be seen when it is printed.
    while chunk := stream.read1(_CHUNK):  # type: ignore[attr-defined]
        *lines, rest = _END_OF_LINE.split(rest + chunk)
        yield from (line for line in lines if line)
        if len(rest) >= _HEARD:
            yield rest
            rest = b""
    if rest:
        yield rest
