"""How fast a part goes, from a sliding window of what was seen and from nothing else."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

WINDOW = 30.0
_LEAST = 3.0
"""Below this many seconds a rate says more about buffers than about the way."""
_APART = 0.1


@dataclass(frozen=True)
class Pace:
    """Units per second over the last `span` seconds, and the seconds left when that can be said."""

    rate: float
    span: float
    eta: float | None


class Window:
    """The last observations of one part."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def observe(self, at: float, done: int) -> None:
        """Note how far the part is; a step backwards is a new pass."""
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()
        # rsync tells of each small file: thinned, the window stays a few hundred entries.
        if len(self._seen) > 1 and at - self._seen[-2][0] < _APART:
            self._seen.pop()
        self._seen.append((at, done))
        # One observation from before the window stays: it is where the window begins.
        while len(self._seen) > 2 and self._seen[1][0] < at - WINDOW:
            self._seen.popleft()

    def pace(self, now: float, total: int) -> Pace | None:
        """The pace up to now, so that a silent part gets slower; None while it is too early."""
        if len(self._seen) < 2 or now - self._seen[0][0] < _LEAST:
            return None
        began, first = self._seen[0]
        last = self._seen[-1][1]
        rate = (last - first) / (now - began)
        eta = (total - last) / rate if rate > 0 and total > last else None
        return Pace(rate, now - began, eta)
