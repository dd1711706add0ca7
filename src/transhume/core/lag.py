"""A Lag is how far one part of the copy is behind the source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lag:
    """One part: how much it lacks, in its own unit, and what that will cost.

    `seconds` is how long the part's end is thought to take while everyone waits, from measured
    rates; None while nothing was measured. `following` says that changes are followed, so that
    the lag doesn't grow with the part. `total` is what the part holds in all, in the same unit; 0
    when nobody counted.
    """

    part: str
    behind: float
    unit: str
    seconds: float | None = None
    following: bool = False
    total: float = 0.0
