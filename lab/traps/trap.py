"""A trap, what one way of moving lost in it, and the verdict on both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

Address = Literal["taken", "kept"]
"""Whether the target stands at the source's address in the end, or keeps its own."""


@dataclass
class Run:
    """One move: what its independent comparison found, and what was looked at while it went on.

    `noted` holds what was lost, by the name of the look; an empty list is a look that saw no loss.
    """

    differences: list[str] = field(default_factory=list)
    noted: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Told:
    """What `transhume check` said before the move: severities of findings by their keys."""

    findings: dict[str, str]


Loss = Callable[[Run], list[str]]


@dataclass(frozen=True)
class Trap:
    """One trap. The same look at both ways of moving says what each has lost.

    `seen_by` are keys of findings, any of which tells of it.
    """

    key: str
    title: str
    lost: Loss
    seen_by: tuple[str, ...]
    address: Address = "taken"


@dataclass(frozen=True)
class Row:
    """The verdict on one trap."""

    key: str
    title: str
    documented: str
    transhume: str
    seen_by: str
    lost: list[str]
    lost_by_transhume: list[str]

    @property
    def right(self) -> bool:
        """The documented procedure falls, and transhume sees the trap and doesn't."""
        return self.documented == FALLS and self.transhume in (CLOSED, STOPPED)


FALLS, HOLDS = "falls", "holds"
CLOSED, STOPPED = "seen and closed", "stopped with the remedy"


def judge(trap: Trap, documented: Run, moved: Run, told: Told) -> Row:
    """Compare what both ways have lost."""
    lost, ours = trap.lost(documented), trap.lost(moved)
    seen = _seen(trap, told)
    return Row(
        trap.key,
        trap.title,
        FALLS if lost else HOLDS,
        _verdict(ours, seen, told),
        seen,
        lost,
        ours,
    )


def _seen(trap: Trap, told: Told) -> str:
    # What couldn't be checked wasn't seen.
    seen = (key for key in trap.seen_by if told.findings.get(key, "unknown") != "unknown")
    return next(seen, "")


def _verdict(ours: list[str], seen: str, told: Told) -> str:
    if ours:
        return "falls, seen" if seen else "falls"
    if not seen:
        return "closed, not seen"
    return STOPPED if told.findings.get(seen) == "blocks" else CLOSED


def unlike(*patterns: str) -> Loss:
    """The differences that match one of these shell patterns."""
    return lambda run: [
        line for line in run.differences if any(fnmatchcase(line, each) for each in patterns)
    ]


def noted(name: str) -> Loss:
    """What the look of this name saw; a look that wasn't made is an error, not a pass."""
    return lambda run: run.noted[name]


def either(*losses: Loss) -> Loss:
    """All that any of these found."""
    return lambda run: [line for loss in losses for line in loss(run)]


def gone(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """What was there before and isn't any more."""
    return sorted(set(before) - set(after))
