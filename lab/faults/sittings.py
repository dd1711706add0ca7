"""Which cells share two machines: struck in one command, or each taken back before the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lab.faults.catalogue import KILL
from lab.faults.cells import Cell, Key
from lab.faults.phases import BACK, COLD, PHASES, Changes, taken_back

TOGETHER = 8
"""So many of different kinds are struck in one move that goes on, or in one way back: some change
what comes after."""
KILLS = 24
"""So many kills: each only makes the same command be typed again."""
CHAIN = 10
"""So many are taken back on the same machines before these are put back to what was saved."""
MOST = 1000
"""As many as there are."""


@dataclass
class Sitting:
    """Cells that are played on machines which are put back to what was saved only before them.

    What goes on is judged once, for all, and so is a way back that is itself struck. A move that is
    struck and taken back leaves the source as it was, which is looked at each time, so that the
    next one can be played there.
    """

    cells: list[Cell]
    most: int = MOST
    names: set[str] = field(default_factory=set)

    @property
    def onward(self) -> bool:
        """Whether it is one move that arrives."""
        return self.cells[0].way == "on"

    @property
    def returning(self) -> bool:
        """Whether it is one way back, struck wherever its cells say."""
        return self.cells[0].phase == BACK

    @property
    def shared(self) -> bool:
        """Whether all is struck in one command after the other, and judged once."""
        return self.onward or self.returning

    @property
    def hot(self) -> bool:
        """Whether it begins after the first sync."""
        return self.cells[0].phase not in COLD

    def takes(self, cell: Cell, changes: Changes) -> bool:
        """Whether this cell may be played here, too."""
        first = self.cells[0]
        if len(self.cells) >= self.most or first.way != cell.way:
            return False
        if self.returning != (cell.phase == BACK):
            return False
        if not self.shared:
            return len(self.cells) < CHAIN and not _needs_fresh(cell, changes)
        # Most changes are made once in a move. A sync is followed by no cell of a cutover: that one
        # was seen on machines that were started anew in between.
        if cell.change in self.names or self.hot != (cell.phase not in COLD):
            return False
        if KILL in (first.fault.name, cell.fault.name):
            same = (first.fault, first.moment) == (cell.fault, cell.moment)
            return same and len(self.cells) < KILLS
        return len(self.cells) < TOGETHER

    def add(self, cell: Cell) -> None:
        self.cells.append(cell)
        self.names.add(cell.change)


def sittings(left: Sequence[Cell], changes: Changes, crowd: Mapping[Key, int]) -> list[Sitting]:
    """The cells in the order given, put together, those in `crowd` with so many at most."""
    found: list[Sitting] = []
    for cell in left:
        most = crowd.get(cell.key, MOST)
        same = (each for each in found if each.most == most and each.takes(cell, changes))
        fitting = next(same, None)
        if fitting is None:
            found.append(Sitting([cell], most, {cell.change}))
        else:
            fitting.add(cell)
    for sitting in found:
        if sitting.shared:
            sitting.cells.sort(key=lambda cell: _place(cell, changes))
    return found


def _needs_fresh(cell: Cell, changes: Changes) -> bool:
    """Whether its change is made once only: what was copied stays where it is after a way back."""
    kept = taken_back(cell.change) not in changes[BACK]
    return cell.phase == "sync" and (kept or bool(cell.fault.wants))


def _place(cell: Cell, changes: Changes) -> tuple[int, int]:
    names = changes[cell.phase]
    number = names.index(cell.change) if cell.change in names else 0
    return PHASES.index(cell.phase), number
