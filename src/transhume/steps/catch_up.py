"""Catch up directly before the freeze, and refuse to freeze while a part is too far behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from transhume.core.change import Change
from transhume.core.finding import Finding, Proof
from transhume.core.host import Pair
from transhume.core.lag import Lag
from transhume.core.step import Phase, Step


@dataclass(frozen=True)
class CatchUp(Step):
    """The hot steps once more; `most` is how many seconds the rest may take while people wait."""

    hot: tuple[Step, ...]
    most: float
    key = "catch-up"
    title = "catch up once more"
    why = "The services are stopped only when next to nothing is left to copy."
    phase: ClassVar[Phase] = "cutover"
    touches = frozenset({"source", "target"})
    repeats = True
    # A pass may be held up by what has nothing to do with it.
    tries = 3

    def run(self, pair: Pair) -> Iterator[Change]:
        for step in self.hot:
            yield from step.run(pair)

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        # One that is made twice is behind once.
        hot = tuple(dict.fromkeys(self.hot))
        for step in hot:
            yield from step.verify(pair)
        behind = [lag for step in hot for lag in step.lag(pair)]
        rest = sum(lag.seconds or 0.0 for lag in behind)
        if rest > self.most:
            worst = max(behind, key=lambda lag: lag.seconds or 0.0)
            yield _behind(f"people would wait {rest:.0f} s for what isn't copied yet", worst)
        for lag in behind:
            if lag.seconds is None:
                yield _behind(f"nobody knows how long the rest of {lag.part} takes", lag)


def _behind(seen: str, lag: Lag) -> Finding:
    text = f"{seen} ({lag.part} is {lag.behind:,.0f} {lag.unit} behind)"
    remedy = "transhume sync --follow; or allow more: [cutover] rest in the settings"
    return Finding("not-caught-up", "blocks", "target", text, CatchUp.why, remedy)
