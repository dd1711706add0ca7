"""Catch up again and again, until another pass is of no more use."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict

from transhume.core.forecast import settled
from transhume.core.lag import Lag
from transhume.core.understood import understood
from transhume.engine.walk import Engine
from transhume.ui.forecast import Outlook, outlook
from transhume.ui.words import about

Told = Callable[[Outlook], None]
"""What a pass led to, for a screen."""
_PAUSE_SECONDS = 1.0


def converge(engine: Engine, told: Told, goal: float | None = None) -> Outlook | None:
    """Make hot passes until the rest is within the goal, in seconds, or no longer shrinks.

    Without a goal one pass is enough. None when no part can say how far behind it is. Whoever
    stops it loses nothing: each pass goes on from what the one before it has brought.
    """
    rests: list[float] = []
    while True:
        engine.forward("prepare", "sync")
        seen = _measure(engine)
        if seen is None:
            return None
        told(seen)
        rests.append(math.inf if seen.unknown else seen.rest)
        if goal is None or settled(rests, goal):
            return seen
        # What follows by itself is given a moment to do so.
        time.sleep(_PAUSE_SECONDS)


def above(seen: Outlook, goal: float) -> str:
    """Why the last pass wasn't enough, though another one is of no use; empty when it was."""
    if seen.unknown:
        return f"nobody knows how long the rest of {seen.unknown[0]} takes, pass after pass"
    if seen.rest <= goal:
        return ""
    worst = max(seen.lags, key=lambda lag: lag.seconds or 0.0)
    return (
        f"people would wait {about(seen.rest)} longer for what isn't copied yet, and another pass "
        f"doesn't make it less ({worst.part} is {worst.behind:,.0f} {worst.unit} behind)"
    )


def _measure(engine: Engine) -> Outlook | None:
    """Note how far behind each part is, and what that means for the downtime."""
    for step in engine.plan.within("sync"):
        with understood(f"how far {step.title!r} is"):
            lags = list(step.lag(engine.pair))
        for lag in lags:
            engine.journal.write("lacks", **noted(lag))
    seen = outlook(engine.plan, engine.journal.events())
    if seen is not None:
        engine.journal.write("forecast", **seen.kept())
    return seen


def noted(lag: Lag) -> dict[str, object]:
    """What the journal keeps of a lag."""
    kept = asdict(lag)
    kept["lacking"] = kept.pop("behind")
    return kept
