"""A Step is one part of the move: why, what it checks, the changes it makes, and its proof."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from transhume.core.change import Act, Change, Place
from transhume.core.finding import Finding, Proof
from transhume.core.host import Pair
from transhume.core.lag import Lag
from transhume.core.measured import Account, Expected, Measured

Phase = Literal["prepare", "sync", "cutover", "after", "finish", "back"]
PHASES: tuple[Phase, ...] = ("prepare", "sync", "cutover", "after", "finish", "back")
"""*back* isn't behind the others: it is what a way back after the opening begins with."""


@dataclass(frozen=True)
class Renewal:
    """Acts that keep alive what a step set up: made every `seconds` while later steps are made,
    until the step with the key `until` begins. No change is begun unless the last one is fresh."""

    acts: tuple[Act, ...]
    seconds: float
    until: str


class Step(ABC):
    """Base of all steps. A step reads first and then yields: a change's output decides nothing.

    Every change must be safe to make again, and `run` yields nothing for what already holds:
    after a kill the step is walked again from its start.
    """

    key: ClassVar[str]
    """Stable name in the journal."""
    title: ClassVar[str]
    why: ClassVar[str]
    phase: ClassVar[Phase]
    rows: ClassVar[tuple[int, ...]] = ()
    """Rows of the documented procedure that this step answers."""
    touches: ClassVar[frozenset[Place]] = frozenset({"target"})
    """The machines that its changes may alter; the engine refuses any other."""
    repeats: ClassVar[bool] = False
    """Hot work: made again at each walk while people are still served by the source."""
    tries: ClassVar[int] = 1
    """How often it is made before what its proof lacks ends the walk."""
    settled_by: ClassVar[str] = ""
    """Key of a later step that builds on this one's effect and then changes it rightfully: once
    that one is done, this one's proof is that it was made."""
    service: ClassVar[Literal["down", "up", ""]] = ""
    """Whether people are shut out from this step on, or served again after it."""

    account: ClassVar[Account] = "proofs"
    """Whose time it is that the step takes in the outage."""
    usual: ClassVar[tuple[float, float]] = (0.1, 1.0)
    """Seconds, from and to, that it takes in the outage where nothing was measured yet."""

    def check(self, pair: Pair) -> Iterator[Finding]:
        """What would keep the step from working, seen before anything is changed."""
        return iter(())

    def run(self, pair: Pair) -> Iterator[Change]:
        """The changes, from what is read now."""
        return iter(())

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        """What isn't as the step should have left it, and what was compared to know."""
        return iter(())

    def renewal(self) -> Renewal | None:
        """What has to be done again and again for its effect to last."""
        return None

    def lag(self, pair: Pair) -> Iterator[Lag]:
        """How far the parts that this step keeps up to date are behind; hot steps alone know."""
        return iter(())

    def expects(self, known: Measured) -> Expected:
        """How long it is thought to take in the outage."""
        seconds = known.steps.get(self.key)
        if seconds is not None:
            return Expected.as_measured(seconds, "as it took the last time")
        low, high = self.usual
        return Expected((low + high) / 2, low, high, "as it usually takes")
