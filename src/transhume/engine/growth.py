"""Find out by measuring how many connections at once make the first copy faster."""

from __future__ import annotations

from typing import Literal

NUMBERS = (1, 2, 4, 6, 8)
"""What is tried: more than these share one line and one disk no better."""
_BEGIN = 1
# Less than this is noise; fewer that bring as much are the better number.
_WORTH = 1.1
_FALLEN = 0.5
_AGAIN_AFTER = 30


class Growth:
    """More as long as it pays, back when it didn't, and then one alone; tried anew when the line
    changes, and from time to time."""

    def __init__(self) -> None:
        self._at = _BEGIN
        self._former = 0.0
        self._trying: Literal["more", "fewer", ""] = "more"
        self._quiet = 0

    @property
    def lanes(self) -> int:
        """How many there should be now."""
        return NUMBERS[self._at]

    def measured(self, rate: float) -> None:
        """What one period brought with the present number, in any unit per second."""
        if not rate:
            return  # Nothing arrived: that says nothing about their number.
        if self._trying == "more":
            self._judge_more(rate)
        elif self._trying == "fewer":
            self._judge_fewer(rate)
        elif rate < self._former * _FALLEN or self._quiet >= _AGAIN_AFTER:
            self._try_more(rate)
        else:
            self._quiet += 1

    def _judge_more(self, rate: float) -> None:
        if rate >= self._former * _WORTH:
            self._try_more(rate)
            return
        self._at -= 1
        self._settle()
        if self._at == _BEGIN:
            self._at, self._trying = self._at - 1, "fewer"

    def _judge_fewer(self, rate: float) -> None:
        if rate >= self._former:
            self._former = rate
        else:
            self._at += 1
        self._settle()

    def _settle(self) -> None:
        self._trying, self._quiet = "", 0

    def _try_more(self, rate: float) -> None:
        self._former = rate
        self._settle()
        if self._at + 1 < len(NUMBERS):
            self._at, self._trying = self._at + 1, "more"
