"""What a step saw while it was made, for its proof right behind that: nobody waits for it twice."""

from __future__ import annotations

from typing import Generic, TypeVar

from transhume.core.host import Pair

Seen = TypeVar("Seen")


class Recalled(Generic[Seen]):
    """Gives once what was last seen of two machines; whoever asks later has to look anew."""

    def __init__(self) -> None:
        self._seen: tuple[Pair, Seen] | None = None

    def keep(self, pair: Pair, seen: Seen) -> None:
        """For the next one who asks about these."""
        self._seen = (pair, seen)

    def drop(self) -> None:
        """What was seen before doesn't count any more."""
        self._seen = None

    def take(self, pair: Pair) -> Seen | None:
        """What was seen of these; None when nobody has looked since."""
        seen, self._seen = self._seen, None
        return seen[1] if seen is not None and seen[0] is pair else None
