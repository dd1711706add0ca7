"""A Host is a machine one can look at; it has no method that changes anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from transhume.core.change import Command, Place


@dataclass(frozen=True)
class Output:
    """What a command left behind: its exit status and what it printed, undecoded."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are no UTF-8 survive as surrogates."""
        return self.stdout.decode(errors="surrogateescape")


OURS = "transhume"
"""What our own connections are called at PostgreSQL (application_name)."""

LOCKED = "55P03"
"""PostgreSQL's code for a lock that couldn't be had in time (lock_not_available)."""


@dataclass(frozen=True)
class Answer:
    """What came of the query with this number: rows, or why there are none and its SQLSTATE."""

    at: int
    rows: list[tuple[Any, ...]]
    problem: str = ""
    code: str = ""


class Snapshot(Protocol):
    """A database as it was at one moment, asked over several connections.

    Unreachable when the server goes away.
    """

    def read(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of one query, which must succeed; StepFailed otherwise."""

    def ask(self, queries: Sequence[str]) -> Iterator[Answer]:
        """Begin all queries now, in this order; the answers come as they are ready.

        A query that fails, or waits for a lock for more than 5 s, is an answer with its problem.
        """


class Host(Protocol):
    """One machine to look at, here or over ssh. Every method raises Unreachable when it can't."""

    @property
    def place(self) -> Place:
        """Which of the two machines of the move this is."""

    def ask(self, *argv: str) -> Output:
        """Run a command that only reads, whatever it returns; anything else is refused."""

    def read(self, *argv: str) -> str:
        """The same, for a command that must succeed; StepFailed otherwise."""

    def file(self, path: str) -> bytes | None:
        """A file's content; None when there is no such file."""

    def sql(self, database: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query, in a read-only transaction."""

    def snapshot(self, database: str, jobs: int) -> AbstractContextManager[Snapshot]:
        """The database as it is now, over `jobs` connections; nothing can be altered in it.

        Values are written alike by every server: zone, styles and digits are set.
        """

    def api(self, path: str) -> Any:
        """What BlueMind's core answers to GET `path`, decoded; None when there is no such thing."""

    def agent(self, name: str, *arguments: str, stdin: bytes = b"") -> Iterator[bytes]:
        """The lines that one of our own reading programs (agent/) prints there, as they come.

        It is sent along and leaves nothing behind; `stdin` is what it reads. StepFailed when it
        ends with an error: what was yielded before is then no whole answer.
        """

    def greeting(self, address: str) -> str:
        """The banner of the mail server at this address."""

    def recipients(self, address: str, *wanted: str) -> tuple[int, ...]:
        """The codes that the mail server at this address answers to these; nothing is sent."""


@dataclass(frozen=True)
class Pair:
    """The two machines of a move."""

    source: Host
    target: Host

    def at(self, place: Place) -> Host:
        """The machine at that place."""
        return self.source if place == "source" else self.target


May: TypeAlias = "Callable[[int], bool]"
"""Told how many bytes came or went since it was told last; whether more may, now."""


class Hand(Protocol):
    """What alters a machine: only the engine's performing room holds one."""

    def run(self, command: Command, heard: Callable[[str], None], may: May | None = None) -> Output:
        """Run the command to its end; `heard` gets each line of its output as it comes.

        While `may` says no, what reads the source in it stands still.
        """

    def talk(self, command: Command) -> Talk:
        """Start the command; whoever asked ends it."""


class Talk(Protocol):
    """A command that goes on while it is told things and answers."""

    def tell(self, data: bytes) -> None:
        """Put this on its standard input; nothing happens when it doesn't listen any more."""

    def hush(self) -> None:
        """Nothing more will be told."""

    def hear(self) -> bytes:
        """The next piece of what it prints; empty at the end."""

    def end(self) -> Output:
        """Wait for its end: status, and what it complained about."""

    def stop(self) -> None:
        """End it, wherever it is; safe to call twice, and from another thread."""


class Route(Protocol):
    """The way to the source."""

    def to(self, address: str) -> None:
        """Reach the source by this address from now on; empty for the usual one."""


Hands = Mapping[Place, Hand]
