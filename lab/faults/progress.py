"""Which cells are left, and who plays them: several pairs of machines may, beside each other."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.faults.cells import Cell, Field, Key, cells, nowhere
from lab.faults.entry import BROKEN, Entry
from lab.faults.result import Result
from lab.faults.sittings import Sitting, sittings

DRAWS = 3
"""So many changes are tried for a cell before it is told that there is nothing to break."""


@dataclass(frozen=True)
class Choice:
    """Which cells a run is about."""

    only: str = ""
    """Those whose fault or phase holds this."""
    sample: int = 0
    """So many of them, drawn; 0: all."""
    seed: int = 7

    def of(self, all_cells: Sequence[Cell]) -> list[Cell]:
        """These cells, whatever is known of them."""
        fitting = [cell for cell in all_cells if self.only in f"{cell.fault.name}, {cell.phase}"]
        if not self.sample:
            return fitting
        return random.Random(self.seed).sample(fitting, min(self.sample, len(fitting)))


class Progress:
    """What was wrong in company is tried again in less, down to alone, and then not in this run."""

    def __init__(self, choice: Choice, field: Field, result: Result, path: Path) -> None:
        self._choice = choice
        self._field = field
        self._result = result
        self._path = path
        self._lock = threading.Lock()
        self._stopped = False
        self._taken: set[Key] = set()
        self._crowd: dict[Key, int] = {}
        self._spent: set[Key] = set()
        result.nowhere = tuple(nowhere(field))

    def left(self) -> list[Cell]:
        """The new ones, then those that weren't right."""
        known = {tuple(entry.key): entry for entry in self._result.entries}
        unmet = {key: entry.unmet for key, entry in known.items()}
        chosen = self._choice.of(cells(self._field, unmet))
        self._result.left = sum(cell.key not in known for cell in chosen)
        out = self._spent | self._taken | {key for key, entry in known.items() if _settled(entry)}
        return sorted(
            (cell for cell in chosen if cell.key not in out), key=lambda cell: cell.key in known
        )

    def sittings(self) -> list[Sitting]:
        """The cells that are left, put together."""
        return sittings(self.left(), self._field.changes, self._crowd)

    def take(self) -> Sitting | None:
        """What is to be played next; None when nothing is left, or others play all that is."""
        with self._lock:
            todo = self.sittings()
            if self._stopped or not todo:
                return None
            self._taken |= {cell.key for cell in todo[0].cells}
            return todo[0]

    def stop(self) -> None:
        """Nothing more is taken."""
        self._stopped = True

    def keep(self, sitting: Sitting, played: Sequence[Entry]) -> None:
        """Put what came of it on disk."""
        with self._lock:
            self._taken -= {cell.key for cell in sitting.cells}
            self._result.add(played)
            for entry in played:
                self._note(entry, len(sitting.cells))
            self.left()
            self._result.save(self._path)

    def _note(self, entry: Entry, company: int) -> None:
        key = tuple(entry.key)
        if entry.tried and not entry.right and company > 1:
            self._crowd[key] = 1 if entry.outcome.startswith(BROKEN) else max(1, company // 3)
        elif entry.tried or entry.unmet >= DRAWS:
            self._spent.add(key)


def _settled(entry: Entry) -> bool:
    return entry.right or entry.unmet >= DRAWS
