"""Between the engine's threads and a screen: takes at once, draws in a thread of its own."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from transhume.core.event import Event, Progress
from transhume.ui.pace import Pace, Window
from transhume.ui.shape import PartView, Status
from transhume.ui.view import apply, observe, parts_of

_TICK = 0.25
_FAREWELL = 5.0
"""How long the end waits for a terminal that takes no more, such as after Ctrl-S."""

Item = Event | Progress


class Feed(ABC):
    """A listener for the engine. `past` are the journal's events so far, for a move gone on with.

    A screen that is slow, stopped or gone never holds up the move: what comes is noted under a
    lock that is held for a moment only, and of the progress just the latest of each part.
    """

    def __init__(
        self, past: Iterable[Event] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.status = Status()
        for event in past:
            apply(self.status, event)
        self.touched: set[str] = set()
        """The parts that this run has moved or measured."""
        self.footer = ""
        self._clock = clock
        self._windows: dict[str, Window] = {}
        self._lock = threading.Lock()
        self._items: list[tuple[float, Item]] = []
        self._latest: dict[str, tuple[float, Item]] = {}
        self._wake = threading.Event()
        self._over = False
        self._gone = False
        self._screen = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="screen", daemon=True)

    def event(self, event: Event) -> None:
        """Take one event; returns at once."""
        with self._lock:
            # The order between a part's progress and the change that it belongs to is kept.
            self._items += [*self._latest.values(), (self._clock(), event)]
            self._latest.clear()
        self._wake.set()

    def progress(self, progress: Progress) -> None:
        """Take how far a part is; returns at once."""
        with self._lock:
            self._latest[progress.part] = (self._clock(), progress)

    def note(self, text: str) -> None:
        """What stands below everything else, such as a forecast; empty for nothing."""
        self.footer = text
        self._wake.set()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave the terminal to somebody else, such as a question to the admin."""
        self._drain()
        with self._screen:
            self.hide()
            try:
                yield
            finally:
                self.show()

    def __enter__(self) -> Feed:
        self._draw(self.show)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._wake.set()
        self._thread.join(_FAREWELL)

    def pace(self, part: PartView, at: float | None = None) -> Pace | None:
        """How fast a part goes, now or at that moment; None when that can't be said yet."""
        window = self._windows.get(part.name)
        return window.pace(self._clock() if at is None else at, part.total) if window else None

    @abstractmethod
    def heard(self, item: Item, at: float) -> None:
        """Draw one thing, after the status has taken it in."""

    @abstractmethod
    def refresh(self) -> None:
        """Draw what moves by itself."""

    @abstractmethod
    def show(self) -> None:
        """Take the terminal."""

    @abstractmethod
    def hide(self) -> None:
        """Let the terminal go."""

    @abstractmethod
    def close(self) -> None:
        """Let the terminal go for good, with what is to stay there."""

    def _work(self) -> None:
        while not self._over:
            self._wake.wait(_TICK)
            self._wake.clear()
            self._drain()
        self._drain()
        self._draw(self.close)

    def _drain(self) -> None:
        with self._screen:
            with self._lock:
                items = [*self._items, *self._latest.values()]
                self._items, self._latest = [], {}
            for at, item in items:
                self._take_in(item, at)
                self._draw(partial(self.heard, item, at))
            self._draw(self.refresh)

    def _take_in(self, item: Item, at: float) -> None:
        if isinstance(item, Progress):
            self.touched.add(item.part)
            observe(self.status, item, time.time())
            self._windows.setdefault(item.part, Window()).observe(at, item.done)
            return
        apply(self.status, item)
        if item.kind == "walk-begun":
            self.touched.clear()
        elif item.kind == "lacks":
            self.touched.add(str(item.data.get("part", "")))
        elif item.kind == "change-begun":
            for name, _, _ in parts_of(item.data.get("act") or {}):
                self.touched.add(name)
                self._windows.pop(name, None)

    def _draw(self, act: Callable[[], object]) -> None:
        if self._gone:
            return
        try:
            act()
        except (OSError, ValueError, SystemExit):
            # The terminal was closed, or the pipe's reader went (rich ends the program then):
            # the move goes on unseen.
            self._gone = True
