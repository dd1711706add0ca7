"""What happens as plain lines, for a log or a pipe: no control characters, few lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from rich.console import Console
from rich.text import Text

from transhume.core.event import Event, Progress
from transhume.ui.feed import Feed, Item
from transhume.ui.layout import put
from transhume.ui.timeline import entry, moving, service, stamp, standing
from transhume.ui.words import line

EVERY = 10.0
"""Seconds between two lines about the same part."""


class Plain(Feed):
    """Writes one line for what is worth one, at most one per part and EVERY seconds of progress."""

    def __init__(
        self,
        console: Console,
        past: Iterable[Event] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(past, clock)
        self._console = console
        self._told: dict[str, float] = {}
        self._noted = ""

    def heard(self, item: Item, at: float) -> None:
        """A line for an event, or now and then for a part."""
        if isinstance(item, Progress):
            if item.done and self._due(item.part, at):
                part = self.status.parts[item.part]
                self._line(time.time(), f"{line(part.name)}: {moving(part, self.pace(part, at))}")
            return
        if item.kind == "step-begun":
            title = line(self.status.steps[str(item.data.get("step", ""))].title)
            self._line(item.at, f"begins: {title}")
        if item.kind == "lacks" and self._due(str(item.data.get("part", "")), at):
            part = self.status.parts[str(item.data.get("part", ""))]
            self._line(item.at, f"{line(part.name)}: {standing(part)}")
        told = entry(self.status, item)
        if told is not None:
            self._line(item.at, told.what)
        means = service(self.status, item)
        if means:
            self._line(item.at, means)

    def refresh(self) -> None:
        """A note, once each time that it changes."""
        if self.footer != self._noted:
            self._noted = self.footer
            self._line(time.time(), line(self.footer))

    def show(self) -> None:
        """Nothing is taken: lines only."""

    def hide(self) -> None:
        """Nothing was taken."""

    def close(self) -> None:
        """Nothing is left to draw."""

    def _due(self, part: str, at: float) -> bool:
        if part in self._told and at - self._told[part] < EVERY:
            return False
        self._told[part] = at
        return True

    def _line(self, at: float, what: str) -> None:
        put(self._console, Text(f"{stamp(self.status, at)}  {what}"))
