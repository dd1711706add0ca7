"""Types lines into a root shell of one machine, and keeps what each printed and how it ended."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from lab.machine import Machine
from lab.places import Role
from lab.shell import LabError

Part = Literal["stop", "files", "databases", "address", "start"]
_KEPT = 200


@dataclass(frozen=True)
class Typed:
    """One thing that was done: `status` is its own, `lines` how many it printed.

    `output` holds the first and the last lines. `at` is seconds since the epoch when it began.
    """

    phase: str
    row: int
    part: Part
    place: Role
    command: str
    status: int
    at: float
    seconds: float
    lines: int
    output: str


class Shell:
    """A shell as root that lines are typed into; as a context it is left at the end."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._process = subprocess.Popen(
            machine.command(("bash", "--login")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def line(self, text: str, *, enters: bool = False) -> tuple[int, int, str]:
        """Type one line; returns its status, its number of lines and the outer ones of these.

        The mark stands in the same line: ssh would read a next one as its own input. A line that
        changes the shell reads none, and there the mark is typed into the shell that is next.
        """
        mark = uuid.uuid4().hex
        ending = f"printf '%s %s\\n' {mark} \"$?\""
        assert self._process.stdin
        self._process.stdin.write(f"{text}{chr(10) if enters else '; '}{ending}\n")
        self._process.stdin.flush()
        return self._heard(mark, text)

    def _heard(self, mark: str, text: str) -> tuple[int, int, str]:
        head: list[str] = []
        tail: deque[str] = deque(maxlen=_KEPT)
        assert self._process.stdout
        for count, line in enumerate(self._process.stdout):
            # What was printed last needn't have ended its line.
            text, found, status = line.partition(mark)
            if text:
                (head if len(head) < _KEPT else tail).append(text)
            if found:
                printed = "".join((*head, *tail)).removesuffix("\n")
                return int(status), count + bool(text), printed
        raise LabError(f"{self.machine}: the shell ended at: {text}")

    def __enter__(self) -> Shell:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # At the end of its input a shell ends by itself.
        self._process.communicate()


@dataclass
class Typist:
    """Types for one machine in one phase, and keeps the account."""

    shell: Shell
    phase: str
    account: list[Typed]

    def line(self, row: int, part: Part, text: str, *, enters: bool = False) -> Typed:
        """Type one line and write down what came of it; a failure is written down as well."""
        at, begun = time.time(), time.monotonic()
        status, lines, output = self.shell.line(text, enters=enters)
        seconds = time.monotonic() - begun
        place = self.shell.machine.role
        done = Typed(self.phase, row, part, place, text, status, at, seconds, lines, output)
        self.account.append(done)
        return done
