"""Child processes: their output line by line, and none of them left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from transhume.core.host import Output
from transhume.errors import EnvironmentLacks

_KEPT_LINES = 200
_CHUNK = 65536
_END_OF_LINE = re.compile(rb"[\r\n]+")
# The kernel ends the child when this process dies, so that no rsync outlives a killed transhume.
_LEASH = ("setpriv", "--pdeathsig", "TERM")


class Processes:
    """The children of this run; `stop` ends them all and lets no new one begin."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopping = False

    def stop(self) -> None:
        """End every child; safe to call from a signal handler, and twice."""
        self._stopping = True
        for process in tuple(self._running):
            _signal(process, signal.SIGTERM)

    def run(
        self, argv: Sequence[str], stdin: bytes = b"", heard: Callable[[str], None] | None = None
    ) -> Output:
        """Run to the end. With `heard`, lines are handed over and only the last ones are kept."""
        process = self._start(argv)
        try:
            with process:
                return _talk(process, stdin, heard)
        except BaseException:
            _signal(process, signal.SIGKILL)
            raise
        finally:
            self._running.discard(process)

    def background(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start one that stays until it is ended or this process is."""
        return self._start(argv)

    def _start(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        if self._stopping:
            raise KeyboardInterrupt
        try:
            process = subprocess.Popen(
                (*_LEASH, *argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Ctrl-C goes to this process alone; it ends the children itself, in order.
                start_new_session=True,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
            )
        except FileNotFoundError as error:
            raise EnvironmentLacks(
                f"the program {error.filename} is missing on this machine",
                remedy=f"apt install {error.filename}",
            ) from None
        self._running.add(process)
        return process


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _talk(
    process: subprocess.Popen[bytes], stdin: bytes, heard: Callable[[str], None] | None
) -> Output:
    assert process.stdin
    assert process.stdout
    assert process.stderr
    collected: list[list[bytes]] = [[], []]
    streams = (process.stdout, process.stderr)
    readers = [
        threading.Thread(target=_drain, args=(stream, kept, heard), daemon=True)
        for stream, kept in zip(streams, collected, strict=True)
    ]
    for reader in readers:
        reader.start()
    _feed(process.stdin, stdin)
    for reader in readers:
        reader.join()
    return Output(process.wait(), b"".join(collected[0]), b"".join(collected[1]))


def _feed(stream: IO[bytes], content: bytes) -> None:
    try:
        stream.write(content)
        stream.close()
    except BrokenPipeError:
        return  # It ended without reading all; its status says whether that is an error.


def _drain(stream: IO[bytes], kept: list[bytes], heard: Callable[[str], None] | None) -> None:
    if heard is None:
        kept.append(stream.read())
        return
    last: deque[bytes] = deque(maxlen=_KEPT_LINES)
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
    if rest:
        yield rest
