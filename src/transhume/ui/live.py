"""What happens on a terminal: the timeline above, one bar per tree or database below."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from rich.console import Console
from rich.live import Live as Region
from rich.text import Text

from transhume.core.event import Event, Progress
from transhume.ui.feed import Feed, Item
from transhume.ui.layout import encodable, put, row, text
from transhume.ui.pace import Pace
from transhume.ui.plain import Plain
from transhume.ui.shape import PartView, Status
from transhume.ui.timeline import (
    NO_ESTIMATE,
    amount,
    entry,
    remaining,
    service,
    speed,
    stamp,
    standing,
)
from transhume.ui.words import clock as time_of_day
from transhume.ui.words import duration, line, percent, shortened

_NAME = 26
_SHORT_NAME = 20
_WIDE = 100
_FIGURES = 5 + 2 + 2 + 9 + 2 + 9
_SHORTEST_BAR = 8


class Live(Feed):
    """Draws on a terminal of any width; what it leaves behind when it ends is plain text."""

    def __init__(
        self,
        console: Console,
        past: Iterable[Event] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(past, clock)
        self._console = console
        self._region = self._new_region()
        self._means = ""

    def _new_region(self) -> Region:
        return Region(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )

    def show(self) -> None:
        """Begin to draw below the timeline."""
        self._region = self._new_region()
        self._region.start()

    def hide(self) -> None:
        """Take everything away that isn't timeline."""
        self._region.stop()

    def heard(self, item: Item, at: float) -> None:
        """A line of the timeline, with what it means for people at its right."""
        if isinstance(item, Progress):
            return
        self._means = service(self.status, item) or self._means
        told = entry(self.status, item)
        if told is None:
            return
        cells = [Text(stamp(self.status, item.at)), Text(told.what, told.style)]
        if self._means and item.kind == "step-done":
            cells.append(Text(self._means, style="bold"))
            self._means = ""
        taken = sum(cell.cell_len + 2 for cell in cells if cell is not cells[1])
        room = max(20, self._console.width - taken - 2)
        row(self._console, cells, [cells[0].cell_len, room, *(cell.cell_len for cell in cells[2:])])

    def refresh(self) -> None:
        """Draw bars and footer anew."""
        lines = [*self._bars(), *self._footer()]
        content = Text("\n").join(lines)
        content.no_wrap, content.overflow = True, "ellipsis"
        self._region.update(encodable(self._console, content), refresh=True)

    def close(self) -> None:
        """The bars stay, as they were at the end."""
        self.hide()
        if self._means:
            put(self._console, Text(f" {self._means}", style="bold"))
        for bar in self._bars():
            put(self._console, bar)

    def _bars(self) -> list[Text]:
        parts = [part for part in self.status.told if part.name in self.touched]
        room = self._console.width
        most = _NAME if room >= _WIDE else _SHORT_NAME
        width = min(max((len(line(part.name)) for part in parts), default=0), most)
        figures = max((len(amount(part)) for part in parts), default=0)
        return [bar(part, self.pace(part), width, figures, room) for part in parts]

    def _footer(self) -> list[Text]:
        now = time.time()
        said = [word for word in (_doing(self.status, now), _shut(self.status, now)) if word]
        lines = [Text(" " + "   ".join(said), style="bold")] if said else []
        return [*lines, Text(" ").append_text(text(self.footer))] if self.footer else lines


def _doing(status: Status, now: float) -> str:
    running = [step for step in status.steps.values() if step.state == "running"]
    if not running or running[-1].began is None:
        return ""
    return f"{line(running[-1].title)} … {duration(now - running[-1].began)}"


def _shut(status: Status, now: float) -> str:
    if not status.down:
        return ""
    began = status.outages[-1].began
    return f"down since {time_of_day(began)}, {duration(now - began)}"


def bar(part: PartView, pace: Pace | None, name_width: int, figures: int, width: int) -> Text:
    """One part in one line: name, bar, percent, amount, rate, time left.

    The bar takes what the others leave of the width, and goes when that is too little.
    """
    name = shortened(line(part.name), name_width)
    whole = Text(f" {name:<{name_width}}  ")
    room = width - whole.cell_len - _FIGURES - figures - 3
    if not part.active:
        return whole.append(standing(part), style="green" if _complete(part) else "")
    if room >= _SHORTEST_BAR:
        whole.append_text(_drawn(part, room)).append("  ")
    left = remaining(part, pace)
    whole.append(f"{percent(part.done, part.total):>5}  {amount(part):>{figures}}  ")
    if left == NO_ESTIMATE:
        return whole.append(left, style="dim")
    return whole.append(f"{speed(part, pace):>9}  {left:>9}")


def _drawn(part: PartView, room: int) -> Text:
    # Without a total nothing is drawn: a bar that pretends is worse than none.
    filled = min(room, room * part.done // part.total) if part.total > 0 else 0
    rest = "─" * (room - filled) if part.total > 0 else " " * room
    return Text("━" * filled, style="green").append(rest, style="dim")


def _complete(part: PartView) -> bool:
    return part.rest is not None and not part.rest.lacking


def make_listener(console: Console, past: Iterable[Event] = ()) -> Feed:
    """The listener that suits where the output goes."""
    if console.is_terminal and not console.is_dumb_terminal:
        return Live(console, past)
    return Plain(console, past)
