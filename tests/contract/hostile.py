"""A source in other hands: the machine in memory, one of whose answers is what somebody made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from random import Random
from typing import Any

from tests.fakes import FakeHost, FakeSnapshot
from transhume.core import host
from transhume.core.host import Output
from transhume.errors import StepFailed, TranshumeError

Twist = Callable[[Any], Any]
"""Gets the true answer and gives the one that is told."""


@dataclass
class Twisted(FakeHost):
    """Tells the truth but for the question with this number."""

    at: int = -1
    twist: Twist = lambda answer: answer
    number: int = 0

    def ask(self, *argv: str) -> Output:
        """The status and the output, or others."""
        told: Output = self._told(lambda: super(Twisted, self).ask(*argv))
        return told

    def read(self, *argv: str) -> str:
        """As `ask` has it."""
        answer = self.ask(*argv)
        if answer.status != 0:
            raise host_failed(argv)
        return answer.text

    def file(self, path: str) -> bytes | None:
        """The content, or another."""
        told: bytes | None = self._told(lambda: super(Twisted, self).file(path))
        return told

    def sql(self, database: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows, or others."""
        told: list[tuple[Any, ...]] = self._told(
            lambda: super(Twisted, self).sql(database, query, *values)
        )
        return told

    @contextmanager
    def snapshot(self, database: str, jobs: int) -> Iterator[FakeSnapshot]:
        """The same rows, asked through `sql`."""
        yield FakeSnapshot(self, database)

    def api(self, path: str) -> Any:
        """What the core says, or something else."""
        return self._told(lambda: super(Twisted, self).api(path))

    def agent(self, name: str, *arguments: str, stdin: bytes = b"") -> Iterator[bytes]:
        """The lines, or others."""
        yield from self._told(
            lambda: list(super(Twisted, self).agent(name, *arguments, stdin=stdin))
        )

    def _told(self, answer: Callable[[], Any]) -> Any:
        self.number += 1
        true = answer()
        return self.twist(true) if self.number - 1 == self.at else true


def host_failed(argv: tuple[str, ...]) -> TranshumeError:
    """What a command that must succeed and doesn't is told as."""
    return StepFailed(f"{argv[0]} failed on the source")


def twisted(machine: FakeHost, at: int, twist: Twist) -> Twisted:
    """The machine with one answer twisted."""
    same = {field.name: getattr(machine, field.name) for field in fields(FakeHost)}
    return Twisted(**same, at=at, twist=twist)


def planting(payload: str, how: int) -> Twist:
    """Puts the payload where the answer has a name: instead of all, in front of it or after it."""
    raw = payload.encode()

    def text(true: bytes) -> bytes:
        ends = (b"\n", b"\0", b" ")
        end = ends[how % 3]
        return (raw + end, true + raw + end, raw + end + true, _in_words(true, raw))[how % 4]

    def twist(answer: Any) -> Any:
        if isinstance(answer, Output):
            return Output(0, text(answer.stdout), answer.stderr)
        if isinstance(answer, bytes) or answer is None:
            return text(answer or b"")
        if isinstance(answer, list) and answer and isinstance(answer[0], bytes):
            return [_in_json(line, payload) for line in answer]
        if isinstance(answer, list):
            return [_in_row(row, payload) for row in answer] or [(payload,)]
        return payload

    return twist


def _in_words(true: bytes, raw: bytes) -> bytes:
    """The same lines, the first word of each another one."""
    lines = [line.split(b" ", 1) for line in true.split(b"\n")]
    return b"\n".join(b" ".join((raw, *words[1:])) for words in lines)


def _in_row(row: Any, payload: str) -> Any:
    if isinstance(row, host.Answer):
        return row
    return tuple(payload if isinstance(value, str) else value for value in row)


def _in_json(line: bytes, payload: str) -> bytes:
    try:
        return json.dumps(_planted(json.loads(line), payload)).encode()
    except ValueError:
        return line


_COUNTED = ("users", "groups", "nameless_users", "nameless_groups")
"""Where a survey has names as keys, each with a number."""


def _counted(numbers: dict[str, int], payload: str) -> dict[str, int]:
    return {payload: sum(numbers.values())}


def _planted(value: Any, payload: str) -> Any:
    if isinstance(value, dict):
        return {
            key: _counted(each, payload)
            if key in _COUNTED and each
            else (each if key == "tree" else _planted(each, payload))
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_planted(each, payload) for each in value]
    return payload if isinstance(value, str) else value


_ODD: tuple[Any, ...] = (None, "", "x", -1, 10**30, 1.5, True, b"\xff", [], [[]], {}, "\ud800\0")
_NOISE = (
    b"",
    b"\0",
    b"\n",
    b"\xff\xfe\0\x1b[2J",
    b"x",
    b"-1 -1 -1 -1 -1 -1 -1 -1\n",
    b"[]",
    b"[[]]",
    b"[null]",
    b'{"a": 1}',
    b"=",
    b"a=b\n=\n",
    b"[" * 5000,
    b"9" * 5000,
    "²٣\u2028 ²\n".encode(),
)


def garbage(seed: int) -> Twist:
    """Makes of an answer something of its kind that nobody expects."""
    random = Random(seed)

    def twist(answer: Any) -> Any:
        if isinstance(answer, Output):
            return Output(random.choice((0, 0, 1, 2, 255)), _bytes(random, answer.stdout), b"\xff")
        if isinstance(answer, bytes) or answer is None:
            return random.choice((None, _bytes(random, answer or b"")))
        if isinstance(answer, list) and answer and isinstance(answer[0], bytes):
            return [_bytes(random, line) for line in answer][: random.randrange(len(answer) + 1)]
        if isinstance(answer, list):
            return _rows(random, answer)
        return random.choice(_ODD)

    return twist


def _bytes(random: Random, true: bytes) -> bytes:
    if true and random.random() < 0.5:
        at = random.randrange(len(true))
        return true[:at] + random.choice(_NOISE) + true[at + random.randrange(3) :]
    return random.choice(_NOISE)


def _rows(random: Random, rows: list[Any]) -> list[Any]:
    """Rows of the same length in odd values, rows of another length, or none."""
    width = len(rows[0]) if rows and isinstance(rows[0], tuple) else 1
    width += random.choice((0, 0, 0, 1, -1))
    odd = [tuple(random.choice(_ODD) for _ in range(max(0, width))) for _ in range(2)]
    return random.choice((odd, odd[:1], [], [*rows, *odd]))
