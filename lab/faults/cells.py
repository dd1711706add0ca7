"""The table of cells: each fault in each phase, at a change that a seed picks, then on or back."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.faults.catalogue import FAULTS, KILL, Fault
from lab.faults.stock import Phase
from lab.kill_at import ASKED, alike

Way = Literal["on", "back"]

WORDS: Mapping[Phase, tuple[str, ...]] = {
    "check": ("check",),
    "sync": ("sync",),
    "before the freeze": ("cutover", "--yes"),
    "frozen": ("cutover", "--yes"),
    "after the opening": ("cutover", "--yes"),
}


@dataclass(frozen=True)
class Cell:
    """One fault, struck once, and what is typed after it: the same command, or rollback."""

    fault: Fault
    phase: Phase
    change: str
    moment: str
    way: Way

    @property
    def key(self) -> tuple[str, ...]:
        """What makes it this cell in another run of another checkout."""
        at = (alike(self.change), self.moment) if self.fault.name == KILL else ()
        return (self.fault.name, self.phase, self.way, *at)


def cells(changes: Mapping[Phase, Sequence[str]], seed: int) -> list[Cell]:
    """All of them: first each fault once in each phase, then the same the other way, then kills."""
    rng = random.Random(seed)
    single = [
        (fault, phase, change, rng.choice(fault.moments))
        for fault in FAULTS
        for phase in fault.phases
        for change in [_one(changes, fault, phase, rng)]
        if change
    ]
    rng.shuffle(single)
    ways: tuple[Way, Way] = ("on", "back")
    first = [_cell(*each, ways[number % 2]) for number, each in enumerate(single)]
    second = [_cell(*each, ways[1 - number % 2]) for number, each in enumerate(single)]
    kills = list(_kills(changes))
    rng.shuffle(kills)
    return list({cell.key: cell for cell in (*first, *second, *kills)}.values())


def _one(
    changes: Mapping[Phase, Sequence[str]], fault: Fault, phase: Phase, rng: random.Random
) -> str:
    if phase == "check":
        return ASKED
    fitting = [name for name in changes[phase] if re.search(fault.wants, name)]
    return rng.choice(fitting) if fitting else ""


def _kills(changes: Mapping[Phase, Sequence[str]]) -> Iterator[Cell]:
    (fault,) = (each for each in FAULTS if each.name == KILL)
    for phase in fault.phases:
        for number, change in enumerate(changes[phase]):
            for place, moment in enumerate(fault.moments):
                yield _cell(fault, phase, change, moment, "on" if (number + place) % 2 else "back")


def _cell(fault: Fault, phase: Phase, change: str, moment: str, way: Way) -> Cell:
    # Once people write on the target the way back is another one than this campaign's.
    possible = way if phase != "after the opening" else "on"
    return Cell(fault, phase, change, ASKED if phase == "check" else moment, possible)
