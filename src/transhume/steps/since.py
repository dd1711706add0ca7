"""What people may have done to the target's files since it was opened, and what nobody does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transhume.core.host import Pair
from transhume.steps.bodies import Bodies
from transhume.steps.manifest import Difference, Tree

_FOLDER = frozenset({"time"})
_WRITTEN = frozenset({"time", "size", "value", "sparse"})


@dataclass(frozen=True)
class Since:
    """Judges differences after the opening at `opened` (seconds since the epoch).

    Whoever writes into a file gives it a new time; other changes, and those that leave the time
    as it was, are damage. A body is judged by its row: it never changes, comes with a row, goes
    with it. Else what the source had and the target lacks is a difference, but in `churning`
    trees, whose files are replaced all the time.
    """

    pair: Pair
    opened: float
    churning: frozenset[str]
    bodies: Bodies

    def __call__(self, tree: Tree, differing: Sequence[Difference]) -> Sequence[bool]:
        """Which of these are people's work."""
        names = [self.bodies.at(f"{tree.path}/{difference.path}") for difference in differing]
        known = [name for name in names if name]
        kept = self.bodies.rows(self.pair.target, known) if known else frozenset()
        # A body that moved to another tier is missing in one and has a row.
        there = self.bodies.files(self.pair.target, sorted(kept)) if kept else frozenset()
        return [
            self._body(difference, name in kept, name in there)
            if name
            else self._file(difference, tree.path in self.churning)
            for difference, name in zip(differing, names, strict=True)
        ]

    def _body(self, difference: Difference, row: bool, file: bool) -> bool:
        if difference.unread or (difference.theirs and difference.ours):
            return False
        return row and file if difference.ours else file or not row

    def _file(self, difference: Difference, churns: bool) -> bool:
        theirs, ours = difference.theirs, difference.ours
        if difference.unread:
            return False
        if ours is None:
            return churns
        if ours.seconds < self.opened:
            return False
        if theirs is None or churns:
            return True
        written = {b"f": _WRITTEN, b"d": _FOLDER}.get(ours.kind, frozenset())
        return set(difference.attributes()) <= written
