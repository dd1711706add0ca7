"""A Plan is the steps of a move in order; its point of no return is computed, not declared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from transhume.core.change import Change, Never
from transhume.core.host import Pair
from transhume.core.step import PHASES, Phase, Step
from transhume.core.understood import understood
from transhume.errors import TranshumeError


@dataclass(frozen=True)
class Identity:
    """What makes two moves the same: a journal of another identity is refused."""

    profile: str
    source: str
    host_key: str
    target: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Beside:
    """Lanes of steps that don't build on each other's: walked at the same time, each in order."""

    lanes: tuple[tuple[Step, ...], ...]


Stage: TypeAlias = "Step | Beside"


@dataclass(frozen=True)
class Plan:
    """The steps in the order in which they are walked."""

    stages: tuple[Stage, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """All of them, those that are walked at the same time one lane after the other."""
        return tuple(step for stage in self.stages for lane in lanes(stage) for step in lane)

    def __post_init__(self) -> None:
        order = [PHASES.index(step.phase) for step in self.steps]
        keys = [step.key for step in self.steps]
        if order != sorted(order) or len(set(keys)) != len(keys):
            raise ValueError("a plan's steps must be in the order of the phases, each key once")

    def staged(self, *phases: Phase) -> Iterator[Stage]:
        """The stages of these phases, each reduced to its steps of them."""
        for stage in self.stages:
            kept = [tuple(step for step in lane if step.phase in phases) for lane in lanes(stage)]
            filled = tuple(lane for lane in kept if lane)
            if filled:
                yield filled[0][0] if isinstance(stage, Step) else Beside(filled)

    def within(self, *phases: Phase) -> Iterator[Step]:
        """The steps of these phases."""
        return (step for step in self.steps if step.phase in phases)

    def rows(self) -> frozenset[int]:
        """The rows of the documented procedure that are answered."""
        return frozenset(row for step in self.steps for row in step.rows)


def lanes(stage: Stage) -> tuple[tuple[Step, ...], ...]:
    """The lanes of a stage: a single step is one by itself."""
    return stage.lanes if isinstance(stage, Beside) else ((stage,),)


@dataclass(frozen=True)
class Foreseen:
    """One step with the changes that it would make as things stand now.

    `problem` says why nobody can tell yet: the checks name the same thing with its remedy.
    """

    step: Step
    changes: tuple[Change, ...]
    problem: str = ""

    @property
    def final(self) -> bool:
        """Whether this step holds a change without a way back."""
        return any(isinstance(change.back, Never) for change in self.changes)


def foresee(plan: Plan, pair: Pair, *phases: Phase) -> Iterator[Foreseen]:
    """Walk the steps without performing: the same loop as the real one."""
    for step in plan.within(*(phases or PHASES)):
        try:
            with understood(step.title):
                changes = tuple(step.run(pair))
            yield Foreseen(step, changes)
        except TranshumeError as error:
            yield Foreseen(step, (), error.what)
