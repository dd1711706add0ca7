"""A Forecast says how long people may be without service: what the steps expect, summed up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from transhume.core.measured import Account, Expected, Measured
from transhume.core.plan import Plan, Stage, lanes
from transhume.core.step import Step

_PASSES = 3
"""A rest that hasn't become smaller by a tenth in so many passes won't by another one."""
_SHRINKS = 0.9


@dataclass(frozen=True)
class Foretold:
    """What one step is thought to take of the outage."""

    step: str
    title: str
    account: Account
    expected: Expected


@dataclass(frozen=True)
class Forecast:
    """The outage in seconds, from `low` to `high`; less than the sum of `parts`, as some of them go
    on at the same time."""

    parts: tuple[Foretold, ...]
    seconds: float
    low: float
    high: float


def forecast(plan: Plan, known: Measured) -> Forecast:
    """The outage to expect now, from what was measured of the steps in it."""
    parts: list[Foretold] = []
    total = (0.0, 0.0, 0.0)
    for stage in _outage(plan):
        told = [[_foretold(step, known) for step in lane] for lane in lanes(stage)]
        parts += [part for lane in told for part in lane]
        longest = _longest([_sum(lane) for lane in told])
        total = (total[0] + longest[0], total[1] + longest[1], total[2] + longest[2])
    return Forecast(tuple(parts), *total)


def _outage(plan: Plan) -> Iterator[Stage]:
    """The stages from the one that shuts people out to the one that lets them in."""
    down = False
    for stage in plan.stages:
        service = [step.service for lane in lanes(stage) for step in lane]
        down = down or "down" in service
        if down:
            yield stage
        if "up" in service:
            return


def _foretold(step: Step, known: Measured) -> Foretold:
    return Foretold(step.key, step.title, step.account, step.expects(known))


def _sum(lane: Iterable[Foretold]) -> tuple[float, float, float]:
    told = [part.expected for part in lane]
    return (
        sum(each.seconds for each in told),
        sum(each.low for each in told),
        sum(each.high for each in told),
    )


def _longest(sums: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    seconds, low, high = zip(*sums, strict=True)
    return max(seconds), max(low), max(high)


def settled(rests: Sequence[float], goal: float) -> bool:
    """Whether another pass is of no use: the last rest is within the goal, or none shrinks it.

    `rests` are the seconds by which a cutover would have taken longer than one with nothing left to
    copy, after each pass; infinite where nobody knows them.
    """
    if rests and rests[-1] <= goal:
        return True
    recent, before = rests[-_PASSES:], rests[:-_PASSES]
    return bool(before) and min(recent) >= _SHRINKS * min(before)
