"""Find out by measuring how many connections at once make the first copy faster."""

from __future__ import annotations

NUMBERS = (1, 2, 4, 6, 8)
"""What is tried: more than these share one line and one disk no better."""
_BEGIN = 1
# Less than this is noise.
_WORTH = 1.1
_FALLEN = 0.5
_AGAIN_AFTER = 30


class Growth:
    """More as long as it pays, back when it didn't; tried anew when the line changes, and from time
    to time."""

    def __init__(self) -> None:
        self._at = _BEGIN
        self._former = 0.0
        self._trying = True
        self._quiet = 0

    @property
    def lanes(self) -> int:
        """How many there should be now."""
        return NUMBERS[self._at]

    def measured(self, rate: float) -> None:
        """What one period brought with the present number, in any unit per second."""
        if not rate:
            return  # Nothing arrived: that says nothing about their number.
        if self._trying:
            self._judge(rate)
        elif rate < self._former * _FALLEN or self._quiet >= _AGAIN_AFTER:
            self._try_more(rate)
        else:
            self._quiet += 1

    def _judge(self, rate: float) -> None:
        if rate >= self._former * _WORTH:
            self._try_more(rate)
        else:
            self._at = max(0, self._at - 1)
            self._trying, self._quiet = False, 0

    def _try_more(self, rate: float) -> None:
        self._former = rate
        self._trying = self._at + 1 < len(NUMBERS)
        self._at += self._trying
        self._quiet = 0
