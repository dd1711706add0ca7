"""An Event is one fact about the move, JSON-shaped when made; status is a fold over events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "opened",  # identity of the move
    "walk-begun",  # a command of the tool began: command, version
    "walk-ended",  # outcome: done | failed | interrupted, the message, and the memory it took
    "step-begun",  # step, title, phase, rows
    "step-skipped",  # step: its effect was proved to hold
    "step-done",  # step, seconds
    "change-begun",  # step, title, act, back, commands: on disk before the act
    "change-done",  # change (the id of its change-begun), seconds, held (how many of them)
    "change-failed",  # change, error
    "undo-begun",  # change, title
    "undone",  # change, kept (the reason, when there was nothing to take back)
    "stayed",  # a way back that was begun was given up: the target serves on
    "rolled-back",  # seconds
    "checked",  # findings: what one check of everything saw, maybe nothing; seconds, memory
    "machines",  # source, target: what they are; seconds: how long the source's core took to start
    "proved",  # step, part, compared, equal, unit, differing, since
    "verified",  # equal: whether a comparison of everything came to its end, and found all equal
    "lacks",  # part, lacking, total, unit, seconds (what the rest would take), following
    "return",  # lost: why what people did can't be carried back, or empty; kept: bytes it costs
    "forecast",  # seconds, low, high, caught_up, parts: the downtime that is thought to come
    "down",  # people are shut out from here on
    "up",  # people are served again
    "finished",  # the move is over
]


@dataclass(frozen=True)
class Event:
    """`at` is seconds since the epoch, UTC, by this machine's clock."""

    id: int
    at: float
    kind: Kind
    data: dict[str, Any]


@dataclass(frozen=True)
class Progress:
    """How far one part is, in its unit; `total` is 0 when nobody can know."""

    part: str
    done: int
    total: int
    unit: Literal["bytes", "tables", "entries"]
