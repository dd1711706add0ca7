"""The table of cells: each fault in each phase, at a change that a seed picks, then on or back."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from lab.faults.catalogue import BEFORE, FAULTS, KILL, Fault
from lab.faults.phases import BACK, GOING_BACK, READING, WORDS, Changes, Phase
from lab.kill_at import ASKED, alike

Way = Literal["on", "back"]
Key: TypeAlias = tuple[str, ...]
Single: TypeAlias = tuple[Fault, Phase, str]
"""A fault, a phase, and the moment of a change of it."""


@dataclass(frozen=True)
class Cell:
    """One fault, struck once, and what is typed after it: the same command, or rollback."""

    fault: Fault
    phase: Phase
    change: str
    moment: str
    way: Way

    @property
    def words(self) -> tuple[str, ...]:
        """The command that is disturbed."""
        return WORDS[self.phase]

    @property
    def key(self) -> Key:
        """What makes it this cell in another run of another checkout."""
        if self.fault.name == KILL:
            return (KILL, self.phase, self.way, alike(self.change), self.moment)
        at = (self.moment,) if len(self.fault.moments) > 1 else ()
        return (self.fault.name, self.phase, self.way, *at)


@dataclass(frozen=True)
class Field:
    """What an undisturbed move offers to be struck."""

    changes: Changes
    beside: frozenset[str]
    seed: int

    def fitting(self, fault: Fault, phase: Phase) -> list[str]:
        """The changes at which there is something to break, in an order that the seed draws."""
        if phase in READING:
            return [ASKED]
        found = [name for name in self.changes[phase] if re.search(fault.wants, name)]
        random.Random(f"{self.seed} {fault.name} {phase}").shuffle(found)
        return found


def cells(field: Field, unmet: Mapping[Key, int]) -> list[Cell]:
    """All of them: first each fault once in each phase, then the same the other way, then kills.

    Where there was nothing to break another change is drawn, each one once.
    """
    rng = random.Random(field.seed)
    singles = [
        (fault, phase, moment)
        for fault in FAULTS
        for phase in fault.phases
        for moment in _moments(fault, phase)
        if field.fitting(fault, phase)
    ]
    rng.shuffle(singles)
    drawn = [
        _drawn(field, Cell(*single[:2], "", single[2], way), unmet)
        for other in (0, 1)
        for number, single in enumerate(_spread(singles))
        for way in _ways(single[1])[(number + other) % 2 :][:1]
    ]
    kills = list(_kills(field))
    rng.shuffle(kills)
    return list({cell.key: cell for cell in (*drawn, *kills)}.values())


def nowhere(field: Field) -> list[str]:
    """Each fault and phase for which no change of the plan fits."""
    return [
        f"{fault.name}, {phase}"
        for fault in FAULTS
        for phase in fault.phases
        if not field.fitting(fault, phase)
    ]


def _ways(phase: Phase) -> tuple[Way, Way]:
    """The ways in turn; a way back after the opening is another one than this campaign's."""
    if phase == BACK:
        return "back", "back"
    return ("on", "back") if phase in GOING_BACK else ("on", "on")


def _moments(fault: Fault, phase: Phase) -> tuple[str, ...]:
    if phase in READING:
        return (ASKED,)
    # What takes a change back writes nothing between the act and its end.
    return tuple(each for each in fault.moments if phase != BACK or each != "acted")


def _spread(singles: list[Single]) -> list[Single]:
    """In the order given, but each fault once before any is tried a second time."""
    seen: Counter[str] = Counter()
    rounds = []
    for each in singles:
        seen[each[0].name] += 1
        rounds.append(seen[each[0].name])
    return [each for _, each in sorted(zip(rounds, singles, strict=True), key=lambda one: one[0])]


def _drawn(field: Field, cell: Cell, unmet: Mapping[Key, int]) -> Cell:
    found = field.fitting(cell.fault, cell.phase)
    if cell.fault.name == KILL:
        return replace(cell, change=found[0])
    return replace(cell, change=found[unmet.get(cell.key, 0) % len(found)])


def _kills(field: Field) -> Iterator[Cell]:
    (fault,) = (each for each in FAULTS if each.name == KILL)
    for phase in fault.phases:
        for number, change in enumerate([ASKED] if phase in READING else field.changes[phase]):
            first = (BEFORE,) if change in field.beside else ()
            for place, moment in enumerate((*first, *_moments(fault, phase))):
                yield Cell(fault, phase, change, moment, _ways(phase)[(number + place) % 2])
