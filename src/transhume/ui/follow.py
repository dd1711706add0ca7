"""The status page again and again, from the journal of a run in another process."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live as Region
from rich.text import Text

from transhume.core.event import Event, Progress
from transhume.ui.pace import Window
from transhume.ui.shape import Status
from transhume.ui.status import show_status
from transhume.ui.view import abandoned, fold

Reading = tuple[list[Event], list[tuple[Progress, float]]]
SECONDS = 1.0


class Follower:
    """Folds each reading of the journal; the rates come from what changed between readings."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, float | None], Window] = {}

    def status(self, reading: Reading, now: float | None = None) -> Status:
        """Where the move stands by this reading."""
        events, progress = reading
        status = fold(events, progress, now=now)
        for part in status.parts.values():
            if not part.active or part.at is None:
                continue
            # A new pass is a new window: what the last one did says nothing about it.
            window = self._windows.setdefault((part.name, part.began), Window())
            window.observe(part.at, part.done)
            pace = window.pace(status.as_of, part.total)
            if pace is not None:
                part.rate, part.eta = pace.rate, pace.eta
        return status


def over(status: Status) -> bool:
    """Whether no command is under way, as far as the journal says."""
    return status.walk is None or status.walk.outcome != "running"


def follow(
    console: Console,
    read: Callable[[], Reading],
    held: Callable[[], bool] = lambda: True,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Show the page until the run ends. `held` says whether a process holds the move at all:
    one that was killed never writes its end."""
    follower = Follower()
    status = follower.status(read())
    if console.is_terminal:
        with Region(console=console, auto_refresh=False, transient=True) as region:
            while not over(status) and held():
                region.update(_page(console, status), refresh=True)
                wait(SECONDS)
                status = follower.status(read())
    else:
        while not over(status) and held():
            wait(SECONDS)
            status = follower.status(read())
    if not held():
        abandoned(status)
    show_status(console, status)


def _page(console: Console, status: Status) -> Text:
    page = Console(
        width=console.width,
        force_terminal=True,
        color_system=console.color_system,  # type: ignore[arg-type]
        markup=False,
        highlight=False,
    )
    with page.capture() as printed:
        show_status(page, status)
    return Text.from_ansi(printed.get())
