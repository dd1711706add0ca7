"""The first step: every check, and nothing begins while one of them blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.check import Check
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.core.once import once
from transhume.core.step import Step


@dataclass(frozen=True)
class Requirements(Step):
    """Every check, as the first step: nothing begins while one of them blocks."""

    checks: tuple[Check, ...]
    key = "requirements"
    title = "check both machines"
    why = "What would fail or break in silence is known before anything is touched."
    phase = "prepare"
    rows = (1, 2, 3, 4, 5, 6)
    touches = frozenset()

    def check(self, pair: Pair) -> Iterator[Finding]:
        asked = once(pair)
        for check in self.checks:
            yield from check.findings(asked)
