"""What a person wants to know about a move, as data: filled by the fold, read by every screen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from transhume.core.finding import Finding, Proof

StepState = Literal["waiting", "running", "done", "skipped", "failed", "undone"]
Outcome = Literal["running", "done", "failed", "interrupted", "killed"]
PartKind = Literal["tree", "database", "other"]


@dataclass
class Walk:
    """One command of the tool. In a journal alone a killed run looks as if it were running."""

    id: int
    command: str
    version: str
    began: float
    ended: float | None = None
    outcome: Outcome = "running"
    message: str = ""
    memory: dict[str, int] = field(default_factory=dict)
    """The most bytes that a process took: `transhume`, and what it ran on `source` and `target`."""


@dataclass(frozen=True)
class Look:
    """One time that every check was made; `memory` as a walk has it."""

    at: float
    """When it began."""
    seconds: float
    memory: dict[str, int]


@dataclass
class StepView:
    """One step as it stands."""

    key: str
    title: str
    phase: str = ""
    state: StepState = "waiting"
    began: float | None = None
    seconds: float | None = None
    rows: tuple[int, ...] = ()


@dataclass
class Span:
    """One time that a step was walked."""

    walk: int
    key: str
    began: float
    ended: float | None = None
    state: StepState = "running"


@dataclass
class ChangeView:
    """One alteration that was begun. `back` and `act` are as the journal keeps them."""

    id: int
    step: str
    title: str
    at: float
    act: dict[str, Any]
    back: dict[str, Any]
    commands: tuple[str, ...] = ()
    state: Literal["begun", "done", "failed", "undone", "kept"] = "begun"
    seconds: float | None = None
    error: str = ""
    kept: str = ""


@dataclass(frozen=True)
class Rest:
    """What a part lacked when it was last measured, and how long the rest would take."""

    lacking: float
    total: float
    unit: str
    seconds: float
    at: float
    following: bool = False
    """Whether its changes are followed, rather than looked for."""


@dataclass
class PartView:
    """One tree or database: its current or last pass, what it lacks, its last proof."""

    name: str
    kind: PartKind
    active: bool = False
    began: float | None = None
    done: int = 0
    total: int = 0
    unit: str = "bytes"
    at: float | None = None
    rate: float | None = None
    eta: float | None = None
    moved: float | None = None
    """When its last pass came to its end."""
    largest: int = 0
    """The most bytes that a pass had to move: a tree's first one moves all."""
    rest: Rest | None = None
    proofs: dict[str, tuple[float, Proof]] = field(default_factory=dict)
    """The last proof by its unit, with the moment: a database is proved by tables and rows."""

    @property
    def moves(self) -> bool:
        """Whether it is copied itself; a map that is built on the target is only proved."""
        return (self.began, self.moved, self.rest) != (None, None, None) or not self.proofs

    @property
    def known(self) -> bool:
        """Whether there is anything to tell; a pass over an empty folder is nothing."""
        return bool(self.done or self.total or self.largest or self.rest or self.proofs)


@dataclass
class Outage:
    """People were shut out from `began` to `ended`, or still are."""

    began: float
    ended: float | None = None


@dataclass(frozen=True)
class Prospect:
    """The downtime that was thought to come, in seconds; `parts` as the journal keeps them."""

    at: float
    seconds: float
    low: float
    high: float
    caught_up: float
    parts: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Return:
    """What the last look at the way back after the opening saw."""

    at: float
    lost: str
    """Why what people did can't be carried back; empty when it can."""
    kept: int
    """Bytes that the target's log takes for it."""


@dataclass(frozen=True)
class Problem:
    """The last failure that no later success has settled; `entry` is the journal's."""

    entry: int
    at: float
    what: str
    step: str = ""


@dataclass
class Status:
    """Where a move stands."""

    profile: str = ""
    source: str = ""
    target: str = ""
    host_key: str = ""
    addresses: tuple[str, ...] = ()
    began: float | None = None
    as_of: float = 0.0
    """The moment that this is true of."""
    phase: str = ""
    walks: list[Walk] = field(default_factory=list)
    steps: dict[str, StepView] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    changes: dict[int, ChangeView] = field(default_factory=dict)
    parts: dict[str, PartView] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    forecast: Prospect | None = None
    """The last one before people were shut out."""
    opened: bool = False
    """Whether people were let in to the target."""
    verified: bool = False
    """Whether the last comparison after that found all of it equal."""
    opened_at: float | None = None
    """When that was."""
    returns: Return | None = None
    past_return: bool = False
    return_reason: str = ""
    rolled_back: bool = False
    finished: bool = False
    problem: Problem | None = None

    @property
    def walk(self) -> Walk | None:
        """The last command, running or ended."""
        return self.walks[-1] if self.walks else None

    @property
    def down(self) -> bool:
        """Whether people are shut out."""
        return bool(self.outages) and self.outages[-1].ended is None

    @property
    def told(self) -> list[PartView]:
        """The parts of which there is anything to tell."""
        return [part for part in self.parts.values() if part.known]

    def downtime(self) -> float:
        """Seconds without service, all outages together, up to `as_of` when one is still open."""
        return sum(
            max(0.0, (self.as_of if outage.ended is None else outage.ended) - outage.began)
            for outage in self.outages
        )
