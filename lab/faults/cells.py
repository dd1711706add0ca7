"""The table of cells: each fault in each phase, at a change that a seed picks, then on or back."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lab.faults.catalogue import FAULTS, KILL, Fault
from lab.faults.stock import Phase
from lab.kill_at import ASKED, alike

Way = Literal["on", "back"]
Single: TypeAlias = tuple[Fault, Phase, str, str]
"""A fault, the phase, the change, and the moment of it."""

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
    single = _spread(single)
    ways: tuple[Way, Way] = ("on", "back")
    first = [_cell(*each, ways[number % 2]) for number, each in enumerate(single)]
    second = [_cell(*each, ways[1 - number % 2]) for number, each in enumerate(single)]
    kills = list(_kills(changes))
    rng.shuffle(kills)
    return list({cell.key: cell for cell in (*first, *second, *kills)}.values())


def _spread(single: list[Single]) -> list[Single]:
    """In the order given, but each fault once before any is tried a second time."""
    seen: Counter[str] = Counter()
    rounds = []
    for each in single:
        seen[each[0].name] += 1
        rounds.append(seen[each[0].name])
    return [each for _, each in sorted(zip(rounds, single, strict=True), key=lambda one: one[0])]


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


COMPANY = 8
"""So many are struck in one move: it takes as long as two or three alone."""


def companies(
    left: Sequence[Cell], changes: Mapping[Phase, Sequence[str]], alone: Container[tuple[str, ...]]
) -> list[list[Cell]]:
    """The cells in the order given, those that go on put together in the order of the plan.

    What goes back needs a move of its own, and so do those whose keys are in `alone`. A sync is
    followed by no cell of a cutover: that one is played on machines that were started anew between
    the two, which changes what the cutover does.
    """
    place = {
        (phase, name): (number, line)
        for number, (phase, names) in enumerate(changes.items())
        for line, name in enumerate(names)
    }
    found: list[list[Cell]] = []
    filling: dict[tuple[str, ...], list[Cell]] = {}
    for cell in left:
        if cell.way == "back" or cell.phase == "check" or cell.key in alone:
            found.append([cell])
            continue
        joined = filling.get(WORDS[cell.phase])
        if joined and cell.change in {each.change for each in joined}:
            # Most changes are made once in a move.
            found.append([cell])
            continue
        if joined is None or len(joined) == COMPANY:
            joined = filling[WORDS[cell.phase]] = []
            found.append(joined)
        joined.append(cell)
    for company in found:
        company.sort(key=lambda cell: place.get((cell.phase, cell.change), (0, 0)))
    return found
