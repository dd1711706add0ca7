"""A Host that is asked each question once: all checks of one run see the same answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from transhume.core.change import Place
from transhume.core.host import Host, Output, Pair, Snapshot
from transhume.errors import TranshumeError

Answer = TypeVar("Answer")


class Once:
    """Remembers every answer, refusals included: what can't be reached isn't tried again.

    It lives as long as one run of the checks: afterwards the machine has to be asked anew.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: dict[str, Any] = {}

    @property
    def place(self) -> Place:
        """Which of the two machines of the move this is."""
        return self._host.place

    def ask(self, *argv: str) -> Output:
        """As the machine answered the first time."""
        return self._once(("ask", argv), lambda: self._host.ask(*argv))

    def read(self, *argv: str) -> str:
        """As the machine answered the first time."""
        return self._once(("read", argv), lambda: self._host.read(*argv))

    def file(self, path: str) -> bytes | None:
        """As it was read the first time."""
        return self._once(("file", path), lambda: self._host.file(path))

    def sql(self, database: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of the first time."""
        asked = ("sql", database, query, values)
        return self._once(asked, lambda: self._host.sql(database, query, *values))

    def snapshot(self, database: str, jobs: int) -> AbstractContextManager[Snapshot]:
        """The database as it is now: two questions to one moment need the same connection."""
        return self._host.snapshot(database, jobs)

    def api(self, path: str) -> Any:
        """As the core answered the first time."""
        return self._once(("api", path), lambda: self._host.api(path))

    def agent(self, name: str, *arguments: str, stdin: bytes = b"") -> Iterator[bytes]:
        """The lines of the first time, all of them kept."""
        asked = ("agent", name, arguments, stdin)
        yield from self._once(asked, lambda: list(self._host.agent(name, *arguments, stdin=stdin)))

    def greeting(self, address: str) -> str:
        """The banner of the first time."""
        return self._once(("greeting", address), lambda: self._host.greeting(address))

    def recipients(self, address: str, *wanted: str) -> tuple[int, ...]:
        """As the mail server answered the first time."""
        asked = ("recipients", address, wanted)
        return self._once(asked, lambda: self._host.recipients(address, *wanted))

    def _once(self, question: tuple[object, ...], answer: Callable[[], Answer]) -> Answer:
        key = repr(question)
        if key not in self._known:
            try:
                self._known[key] = answer()
            except TranshumeError as error:
                self._known[key] = error
        known = self._known[key]
        if isinstance(known, TranshumeError):
            raise known
        return known  # type: ignore[no-any-return]


def once(pair: Pair) -> Pair:
    """Both machines, each asked every question once."""
    return Pair(Once(pair.source), Once(pair.target))
