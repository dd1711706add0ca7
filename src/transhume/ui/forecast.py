"""The forecast of the downtime: as it is kept, as a table, and in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from transhume.core.event import Event
from transhume.core.forecast import Forecast, forecast
from transhume.core.lag import Lag
from transhume.core.measured import ACCOUNTS, measured
from transhume.core.plan import Plan
from transhume.ui.layout import natural, paragraph, row, text
from transhume.ui.words import about, between

_ALL = "some of it goes on at the same time"


@dataclass(frozen=True)
class Outlook:
    """The downtime of a cutover now, and of one once no part is behind."""

    lags: tuple[Lag, ...]
    now: Forecast
    caught_up: Forecast

    @property
    def rest(self) -> float:
        """By how many seconds the one is longer than the other."""
        return max(0.0, self.now.seconds - self.caught_up.seconds)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The parts of which nobody knows how long their rest takes."""
        return tuple(lag.part for lag in self.lags if lag.seconds is None)

    def kept(self) -> dict[str, Any]:
        """What the journal keeps of it."""
        return {
            "seconds": self.now.seconds,
            "low": self.now.low,
            "high": self.now.high,
            "caught_up": self.caught_up.seconds,
            "parts": [
                {
                    "step": part.step,
                    "title": part.title,
                    "account": part.account,
                    **asdict(part.expected),
                }
                for part in self.now.parts
            ],
        }

    def told(self) -> dict[str, Any]:
        """The same for programs, with how far behind each part is."""
        return {"behind": [asdict(lag) for lag in self.lags], "forecast": self.kept()}

    def line(self) -> str:
        """The same in one line."""
        now, then = about(self.now.seconds), about(self.caught_up.seconds)
        return f"forecast for a cutover now: {now} · when caught up: {then}"


def outlook(plan: Plan, events: Iterable[Event]) -> Outlook | None:
    """From what the journal tells; None before it was measured how far behind the parts are."""
    known = measured(events)
    if not known.lags:
        return None
    lags = tuple(known.lags.values())
    return Outlook(lags, forecast(plan, known), forecast(plan, known.caught_up))


def show(console: Console, seen: Outlook | None) -> None:
    """The forecast as a table, each account with what it is founded on, and in a sentence."""
    if seen is None:
        paragraph(console, "Expected downtime: no estimate yet.", indent=1)
        return
    whole = seen.now
    rows = [*_rows(whole), ("in all", whole.seconds, whole.low, whole.high, _ALL)]
    names = natural([text(name) for name, *_ in rows], 28)
    widths = [names, 11, 15, max(12, console.width - 1 - names - 11 - 15 - 6)]
    for name, seconds, low, high, basis in rows:
        cells = [text(name), Text(about(seconds)), Text(ends(low, high)), text(basis, "dim")]
        row(console, cells, widths)
    paragraph(console, sentence(whole), indent=1)


def _rows(whole: Forecast) -> Iterator[tuple[str, float, float, float, str]]:
    for account in ACCOUNTS:
        told = [part.expected for part in whole.parts if part.account == account]
        if told:
            largest = max(told, key=lambda each: each.seconds)
            sums = (sum(getattr(each, key) for each in told) for key in ("seconds", "low", "high"))
            seconds, low, high = sums
            yield account, seconds, low, high, largest.basis


def sentence(whole: Forecast) -> str:
    """The downtime with its range, and on which accounts it goes."""
    names = ", ".join(f"{name} {_bare(seconds)}" for name, seconds, *_ in _rows(whole))
    return f"Expected downtime {about(whole.seconds)} ({ends(whole.low, whole.high)}): {names}."


def _bare(seconds: float) -> str:
    return about(seconds).removesuffix(" s")


def ends(low: float, high: float) -> str:
    """From low to high, the unit named once where it is the same."""
    both = about(low), about(high)
    if all(end.endswith(" s") for end in both):
        return between(_bare(low), _bare(high))
    return " to ".join(both)


def by_account(parts: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The parts that the journal keeps of a forecast, on their accounts."""
    return {
        account: found
        for account in ACCOUNTS
        if (found := [part for part in parts if part["account"] == account])
    }
