"""A small move with every kind of thing that a plan may hold, over a world of keys and values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fakes import World
from transhume.core.change import (
    Back,
    Carry,
    Change,
    Keep,
    Never,
    Place,
    Reroute,
    Run,
    Series,
    Together,
)
from transhume.core.event import Event
from transhume.core.finding import Finding, Proof
from transhume.core.host import Pair
from transhume.core.plan import Identity, Plan
from transhume.core.step import Phase, Step
from transhume.engine.journal import Journal
from transhume.engine.perform import Performer
from transhume.engine.walk import Engine, roll_back

IDENTITY = Identity("toy", "root@old", "ssh-ed25519 AAAA", "machine", ("192.0.2.10/24",))
ALL: tuple[Phase, ...] = ("prepare", "sync", "cutover", "after")
HOT: tuple[Phase, ...] = ("prepare", "sync")


def put(place: Place, key: str, value: str = "1") -> Run:
    """Set one thing."""
    return Run(place, ("set", key, value))


def drop(place: Place, key: str) -> Run:
    """Unset one thing."""
    return Run(place, ("unset", key))


@dataclass(frozen=True)
class Sets(Step):
    """Sets keys on one machine, each with its way back."""

    key: str  # type: ignore[misc]
    phase: Phase  # type: ignore[misc]
    place: Place
    names: tuple[str, ...]
    touches: frozenset[Place] = frozenset({"source", "target"})  # type: ignore[misc]
    service: str = ""  # type: ignore[misc,assignment]
    final: bool = False
    carry: bool = False
    title = "set something"
    why = "Something has to be set."

    def run(self, pair: Pair) -> Iterator[Change]:
        for name in self.names:
            former = pair.at(self.place).file(name)
            if former != b"1":
                back: Back = drop(self.place, name)
                if former is not None:
                    back = put(self.place, name, former.decode())
                if self.final:
                    back = Never("people came in")
                elif self.carry:
                    back = Carry("people came in")
                yield Change(f"set {name}", put(self.place, name), back)

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        for name in self.names:
            if pair.at(self.place).file(name) != b"1":
                yield Finding("unset", "blocks", self.place, f"{name} isn't set")


@dataclass(frozen=True)
class Copies(Step):
    """Brings things from the source, all at once."""

    key: str  # type: ignore[misc]
    phase: Phase  # type: ignore[misc]
    names: tuple[str, ...]
    repeats: bool = False  # type: ignore[misc]
    settled_by: str = ""  # type: ignore[misc]
    title = "copy something"
    why = "Something has to be copied."

    def run(self, pair: Pair) -> Iterator[Change]:
        lacking = [name for name in self.names if pair.target.file(name) != pair.source.file(name)]
        if lacking:
            formers = {name: pair.target.file(name) for name in lacking}
            back = Together(
                tuple(
                    drop("target", name) if value is None else put("target", name, value.decode())
                    for name, value in formers.items()
                )
            )
            act = Together(tuple(Run("target", ("copy", name)) for name in lacking))
            yield Change(f"copy {', '.join(lacking)}", act, back)

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        pairs = [(pair.source.file(name), pair.target.file(name)) for name in self.names]
        equal = sum(there == here for there, here in pairs)
        yield Proof(self.key, len(pairs), equal, "things", ("x",) * (len(pairs) - equal))


@dataclass(frozen=True)
class Reroutes(Step):
    """Another way to the source, kept by the journal."""

    key = "way"
    title = "keep a way"
    why = "The source must stay reachable."
    phase = "cutover"
    touches = frozenset({"source"})

    def run(self, pair: Pair) -> Iterator[Change]:
        yield Change("go round", Series((put("source", "alias"), Reroute("alt"))), back=_BACK)
        yield Change("look", Run("source", ("has", "alias")), Keep("nothing was altered"))


_BACK = Series((Reroute(""), drop("source", "alias")))

PLAN = Plan(
    (
        Sets("hold", "prepare", "target", ("closed", "held")),
        Copies("hot", "sync", ("tree",), repeats=True),
        Reroutes(),
        Sets("freeze", "cutover", "source", ("stopped", "masked"), service="down"),
        Copies("finish", "cutover", ("tree", "rows")),
        Sets("start", "cutover", "target", ("serving", "masked")),
        Sets("open", "after", "target", ("opened",), service="up", final=True),
    )
)


def begun() -> World:
    """The two machines before the move; the target holds something of its own."""
    source = {"tree": "mail", "rows": "people"}
    return World({"source": source, "target": {"rows": "wizard", "masked": "0"}})


@dataclass
class Move:
    """One move in one folder; each call is another process that may be killed."""

    folder: Path
    world: World
    plan: Plan = PLAN

    def forward(self, *phases: Phase) -> None:
        """One walk."""
        with self._journal() as journal:
            Engine(self.plan, self.world.pair(), self._performer(), journal).forward(*phases)

    def back(self, *, lose: bool = False) -> None:
        """One rollback."""
        with self._journal() as journal:
            roll_back(journal, self._performer(), lose_new_mail=lose)

    def events(self) -> list[Event]:
        """What the journal holds."""
        with Journal(self.folder) as journal:
            return journal.events()

    def _journal(self) -> Journal:
        # Handing on comes right after the disk: dying there is dying after the entry.
        return Journal(self.folder, lambda event: self.world.moment())

    def _performer(self) -> Performer:
        return Performer(self.world.hands(), self.world, _never_asked, lambda progress: None)


def _never_asked(message: str) -> None:
    raise AssertionError(f"the toy asks nothing: {message}")


def moments(act: Callable[[], None], world: World) -> int:
    """How many moments there are at which this could die."""
    before = world.moments
    act()
    return world.moments - before
