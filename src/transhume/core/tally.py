"""A Tally is a comparison under way: it counts all, and names no more than fits in a head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from transhume.core.finding import Proof

NAMED = 1000
"""So many differences stand in a proof itself."""

Tell = Callable[[str, str], None]
"""Gets each difference as it is found: the part, and the difference in words."""


def untold(part: str, said: str) -> None:
    """Nobody keeps more of them than the proof itself."""


@dataclass
class Tally:
    """What was compared of a part so far, in `unit`."""

    part: str
    unit: str
    tell: Tell = untold
    compared: int = 0
    differ: int = 0
    since: int = 0
    named: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def equal(self, count: int = 1) -> None:
        """So many were equal."""
        self.compared += count

    def excused(self) -> None:
        """One differs because people have used the target since it was opened."""
        self.compared += 1
        self.since += 1

    def differs(self, said: str) -> None:
        """One differs, or couldn't be read."""
        self.compared += 1
        self.differ += 1
        self.tell(self.part, said)
        if len(self.named) < NAMED:
            self.named.append(said)

    def note(self, said: str) -> None:
        """What is worth knowing and is no difference."""
        self.tell(self.part, said)
        if len(self.notes) < NAMED:
            self.notes.append(said)

    def proof(self) -> Proof:
        """The comparison at its end."""
        equal = self.compared - self.differ
        named, notes = tuple(self.named), tuple(self.notes)
        return Proof(self.part, self.compared, equal, self.unit, named, self.since, notes)
