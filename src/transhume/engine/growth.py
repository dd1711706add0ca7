"""Find out by measuring how many connections at once make the first copy faster."""

from __future__ import annotations

FEWEST = 1
MOST = 8
_BEGIN = 2
# Less than this is noise.
_WORTH = 1.1
_FALLEN = 0.5
_AGAIN_AFTER = 20


class Growth:
    """One more as long as it pays, one less when it didn't; tried anew from time to time."""

    def __init__(self) -> None:
        self.lanes = _BEGIN
        self._former = 0.0
        self._trying = True
        self._quiet = 0

    def measured(self, rate: float) -> None:
        """What one period brought with the present number, in any unit per second."""
        if not rate:
            return  # Nothing arrived: that says nothing about their number.
        if self._trying:
            self._judge(rate)
        elif rate < self._former * _FALLEN or self._quiet >= _AGAIN_AFTER:
            self._former = rate
            self._try_more()
        else:
            self._quiet += 1

    def _judge(self, rate: float) -> None:
        if rate >= self._former * _WORTH:
            self._former = rate
            self._try_more()
        else:
            self.lanes = max(FEWEST, self.lanes - 1)
            self._trying, self._quiet = False, 0

    def _try_more(self) -> None:
        self._trying = self.lanes < MOST
        self._quiet = 0
        self.lanes = min(MOST, self.lanes + 1)
