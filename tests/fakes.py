"""Machines that exist only in memory: one to look at, and a world that commands alter."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any

from transhume.core import host
from transhume.core.change import Command, Place
from transhume.core.host import May, Output, Pair, Talk
from transhume.errors import StepFailed
from transhume.hosts.reading import only_reads

Answer = str | bytes | int | Output | Callable[[tuple[str, ...]], "str | bytes | int | Output"]
Printed = Iterable[bytes] | Callable[[bytes], Iterable[bytes]]
Rows = Sequence[tuple[Any, ...]]


def output(answer: str | bytes | int | Output) -> Output:
    """What a command leaves behind: a text it printed, or a status alone."""
    if isinstance(answer, Output):
        return answer
    if isinstance(answer, int):
        return Output(answer, b"", b"it failed\n" if answer else b"")
    text = answer.encode(errors="surrogateescape") if isinstance(answer, str) else answer
    return Output(0, text, b"")


@dataclass
class FakeHost:
    """A machine to look at. Every command must be known, and known to read only.

    `said` gives the answer to a command that begins with these words, the longest one first;
    `files`, `folders` and `units` answer the usual questions by themselves. `held` are rows by a
    piece of the query; `served` is what the core answers; `printed` what our own programs print,
    by name and arguments, the longest beginning first, or what makes it of their input.
    """

    place: Place
    files: dict[str, bytes] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    units: dict[str, tuple[str, str]] = field(default_factory=dict)
    said: dict[str, Answer] = field(default_factory=dict)
    held: dict[str, Rows | Exception] = field(default_factory=dict)
    served: dict[str, Any] = field(default_factory=dict)
    printed: dict[str, Printed] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    queries: list[tuple[str, str]] = field(default_factory=list)

    def ask(self, *argv: str) -> Output:
        """Answer a reading command; anything else fails the test."""
        assert only_reads(argv), f"a step altered something outside a change: {argv}"
        self.asked.append(argv)
        line = " ".join(argv)
        known = [words for words in self.said if f"{line} ".startswith(f"{words} ")]
        if known:
            answer = self.said[max(known, key=len)]
            return output(answer(argv) if callable(answer) else answer)
        usual: dict[str, Callable[[tuple[str, ...]], Output]] = {
            "cat": self._cat,
            "test": self._test,
            "find": self._find,
            "grep": self._grep,
            "systemctl": self._systemctl,
        }
        assert argv[0] in usual, f"the fake {self.place} has no answer to {argv}"
        return usual[argv[0]](argv[1:])

    def read(self, *argv: str) -> str:
        """The same, for a command that must succeed."""
        answer = self.ask(*argv)
        if answer.status != 0:
            raise StepFailed(f"{argv[0]} failed on the {self.place}")
        return answer.text

    def file(self, path: str) -> bytes | None:
        """A file's content."""
        return self.files.get(path)

    def sql(self, database: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows that were put there for the longest piece of the query."""
        self.queries.append((database, query))
        asked = " ".join((database, " ".join(query.split()), *map(str, values)))
        known = [piece for piece in self.held if piece in asked]
        assert known, f"the fake {self.place} has no rows for {asked}"
        rows = self.held[max(known, key=len)]
        if isinstance(rows, Exception):
            raise rows
        return list(rows)

    @contextmanager
    def snapshot(self, database: str, jobs: int) -> Iterator[FakeSnapshot]:
        """The same rows, asked side by side."""
        assert jobs > 0
        yield FakeSnapshot(self, database)

    def api(self, path: str) -> Any:
        """What the core answers; None when nothing was put there."""
        answer = self.served.get(path)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def agent(self, name: str, *arguments: str, stdin: bytes = b"") -> Iterator[bytes]:
        """The lines that were put there for the longest beginning of name and arguments."""
        line = " ".join((name, *arguments))
        known = [words for words in self.printed if f"{line} ".startswith(f"{words} ")]
        assert known, f"the fake {self.place} has no lines for {line}"
        lines = self.printed[max(known, key=len)]
        # The tracker's list answers each question that it is asked.
        for _ in range(max(1, len(arguments) - 2)) if name == "changes" else (1,):
            yield from lines(stdin) if callable(lines) else lines

    def greeting(self, address: str) -> str:
        """The same for all."""
        return "220 mail.example.org ESMTP Postfix"

    def recipients(self, address: str, *wanted: str) -> tuple[int, ...]:
        """Everybody but nobody is known."""
        return tuple(550 if each.startswith("nobody") else 250 for each in wanted)

    def _cat(self, words: tuple[str, ...]) -> Output:
        content = self.files.get(words[-1])
        return Output(1, b"", b"No such file") if content is None else Output(0, content, b"")

    def _test(self, words: tuple[str, ...]) -> Output:
        kind, path = words
        below = any(name.startswith(f"{path}/") for name in (*self.files, *self.folders))
        folder = path == "/" or path in self.folders or below
        found = {"-d": folder, "-e": folder or path in self.files}.get(kind, path in self.files)
        return output(0 if found else 1)

    def _find(self, words: tuple[str, ...]) -> Output:
        """Files or folders by place, and by the patterns after -name or -path; links are none."""
        first = next(at for at, word in enumerate((*words, "-")) if word[:1] in ("-", "("))
        tops, tests = words[:first], words[first:]
        valued = {key: word for key, word in pairwise(tests) if key[:1] == "-"}
        kind = valued.get("-xtype") or valued.get("-type") or "f"
        there = {"d": self._folders(), "l": set[str]()}.get(kind, set(self.files))
        found = sorted(
            there & set(tops) if valued.get("-maxdepth") == "0" else self._below(there, tops)
        )
        if valued.get("-maxdepth") == "1":
            found = [path for path in found if posixpath.dirname(path) in tops]
        named = [word for key, word in pairwise(tests) if key in ("-name", "-path")]
        if named:
            found = [path for path in found if any(_matches(path, name) for name in named)]
        end = "\0" if "-print0" in words else "\n"
        return output("".join(f"{path}{end}" for path in found))

    def _below(self, there: set[str], tops: tuple[str, ...]) -> set[str]:
        return {path for path in there for top in tops if path.startswith(f"{top}/")}

    def _grep(self, words: tuple[str, ...]) -> Output:
        """Names of text files among and under these, as `grep -rlZIE -e PATTERN -- …` has them."""
        at = words.index("--")
        pattern, tops = words[at - 1].encode(), words[at + 1 :]
        found = [
            path
            for path, content in sorted(self.files.items())
            if any(path == top or path.startswith(f"{top}/") for top in tops)
            and b"\0" not in content
            and re.search(pattern, content, re.MULTILINE)
        ]
        return output("".join(f"{path}\0" for path in found)) if found else output(1)

    def _folders(self) -> set[str]:
        within = {posixpath.dirname(path) for path in self.files}
        return self.folders | within

    def _systemctl(self, words: tuple[str, ...]) -> Output:
        verb = next(word for word in words if not word.startswith("-"))
        if verb == "is-system-running":
            return output("running\n")
        if verb == "is-active":
            active = self.units.get(words[-1], ("inactive", ""))[0]
            return output(0 if active == "active" else 3)
        patterns = [word for word in words[words.index(verb) + 1 :] if not word.startswith("-")]
        known = {
            name: state
            for name, state in self.units.items()
            if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
        }
        if verb == "list-units":
            rows = [f"{name} loaded {active} sub x" for name, (active, _) in known.items()]
            return output("\n".join(rows))
        rows = [f"{name} {enabled} enabled" for name, (_, enabled) in known.items()]
        return output("\n".join(rows))


def _matches(path: str, pattern: str) -> bool:
    return fnmatchcase(path if "/" in pattern else posixpath.basename(path), pattern)


@dataclass(frozen=True)
class FakeSnapshot:
    """A database of a fake machine."""

    machine: FakeHost
    database: str

    def read(self, query: str) -> list[tuple[Any, ...]]:
        """The rows that were put there."""
        return self.machine.sql(self.database, query)

    def ask(self, queries: Sequence[str]) -> Iterator[host.Answer]:
        """The rows that were put there, or an answer that was put there as it is."""
        for at, query in enumerate(queries):
            rows = self.machine.sql(self.database, query)
            whole = next((row for row in rows if isinstance(row, host.Answer)), None)
            yield replace(whole, at=at) if whole else host.Answer(at, rows)


def pair(source: FakeHost | None = None, target: FakeHost | None = None) -> Pair:
    """Two machines that are told apart by their place."""
    return Pair(source or FakeHost("source"), target or FakeHost("target"))


@dataclass
class Spoken:
    """A command that prints this, whatever it is told, and ends."""

    prints: list[bytes] = field(default_factory=list)
    ends: Output = field(default_factory=lambda: Output(0, b"", b""))
    told: list[bytes] = field(default_factory=list)

    def tell(self, data: bytes) -> None:
        """Note it."""
        self.told.append(data)

    def hush(self) -> None:
        """Nothing more comes."""

    def hear(self) -> bytes:
        """The next piece."""
        return self.prints.pop(0) if self.prints else b""

    def end(self) -> Output:
        """How it ended."""
        return self.ends

    def stop(self) -> None:
        """It has ended already."""


class Killed(BaseException):
    """The process is gone: no `except Exception` of the code under test may hold it up."""


@dataclass
class World:
    """What two machines hold, altered by `set KEY VALUE`, `unset KEY`, `copy KEY` and `carry KEY`.

    `kill_at` counts the moments at which the whole process may die: before and after each
    command's effect, and whenever `moment` is called from elsewhere.
    """

    held: dict[Place, dict[str, str]] = field(default_factory=lambda: {"source": {}, "target": {}})
    kill_at: int | None = None
    fail_on: str = ""
    moments: int = 0
    commands: list[str] = field(default_factory=list)
    route: str = ""

    def moment(self) -> None:
        """Die here, if this is the moment."""
        self.moments += 1
        if self.moments == self.kill_at:
            raise Killed

    def run(self, command: Command, heard: Callable[[str], None], may: May | None = None) -> Output:
        """Alter the world, as a machine would."""
        self.moment()
        if self.fail_on and self.fail_on in str(command):
            return Output(1, b"", b"broken\n")
        verb, key, *value = command.argv
        there = self.held[command.place]
        if verb == "set":
            there[key] = value[0]
        elif verb == "unset":
            there.pop(key, None)
        elif verb == "copy":
            self.held["target"][key] = self.held["source"][key]
        elif verb == "carry":
            self.held["source"][key] = self.held["target"][key]
        else:
            assert (verb, key in there) == ("has", True)
        self.commands.append(f"{command.place}# {command}")
        self.moment()
        return Output(0, b"", b"")

    def talk(self, command: Command) -> Talk:
        """Nothing here needs to be talked with."""
        raise AssertionError(f"nobody talks with {command}")

    def to(self, address: str) -> None:
        """Reach the source by another way."""
        self.moment()
        self.route = address

    def hands(self) -> Mapping[Place, World]:
        """One hand for both machines."""
        return {"source": self, "target": self}

    def pair(self) -> Pair:
        """The same world to look at: each thing is a file."""
        return pair(self._host("source"), self._host("target"))

    def _host(self, place: Place) -> FakeHost:
        return _Looking(place, world=self)


@dataclass
class _Looking(FakeHost):
    world: World = field(default_factory=World)

    def file(self, path: str) -> bytes | None:
        value = self.world.held[self.place].get(path)
        return None if value is None else value.encode()
