"""What became of one cell."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.faults.cells import Cell

WENT_ON = "went on"
AGAIN = "finished when run again"
BACK_AGAIN = "rolled back"
RIGHT = (WENT_ON, AGAIN, BACK_AGAIN)
BROKEN = "not as promised"
UNMET = "not met"
"""There was nothing to break: the tool didn't come by, or what was to be broken wasn't there."""


@dataclass
class Entry:
    """What became of one cell; the messages are those that were accepted while it was played."""

    fault: str
    phase: str
    outcome: str
    messages_missing: int
    messages_doubled: int
    source_intact: bool
    way: str = ""
    change: str = ""
    moment: str = ""
    runs: int = 0
    seconds: float = 0.0
    messages: int = 0
    messages_repeated: int = 0
    """Doubled as anywhere: sent again after no answer, or delivered again after a power cut."""
    said: str = ""
    differences: list[str] = field(default_factory=list)
    key: tuple[str, ...] = ()
    unmet: int = 0
    """At how many changes there was nothing to break."""
    made_of: str = ""
    """The fingerprint of what was tried: of another checkout it says nothing."""

    @property
    def tried(self) -> bool:
        """Whether anything was broken."""
        return self.outcome != UNMET

    @property
    def right(self) -> bool:
        """Whether every promise held."""
        lost = self.messages_missing or self.messages_doubled
        return self.outcome in RIGHT and self.source_intact and not lost and not self.differences


def begun(cell: Cell) -> Entry:
    """What is known of a cell before it is played."""
    entry = Entry(cell.fault.name, cell.phase, UNMET, 0, 0, source_intact=False)
    entry.way, entry.change, entry.moment, entry.key = cell.way, cell.change, cell.moment, cell.key
    return entry
