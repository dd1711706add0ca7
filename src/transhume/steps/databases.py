"""Copy whole the databases that don't follow: once as a rehearsal, once while nobody writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from transhume.core.change import Change
from transhume.core.finding import Finding, Proof
from transhume.core.host import Pair
from transhume.core.measured import Expected, Measured
from transhume.core.step import Step
from transhume.steps.copier import NAMES, Copier, empty
from transhume.steps.database_proof import prove, prove_shape
from transhume.steps.described import described
from transhume.steps.schema import schema

Names: TypeAlias = "Callable[[Pair], tuple[str, ...]]"
"""Which databases a step copies, as things stand when it is asked."""


@dataclass(frozen=True)
class Rehearse(Step):
    """Dump and restore once while people work: what would fail in the outage fails now."""

    copier: Copier
    names: Names
    key = "rehearse-databases"
    title = "rehearse the databases that are dumped"
    why = "A restore that fails, fails before anything is stopped; its time is the forecast."
    phase = "sync"
    rows = (13, 16)
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        names = self.names(pair)
        if all(self._rehearsed(pair, name) for name in names):
            return
        yield from self.copier.dump(pair, names, finish=False)
        yield from self.copier.restore(pair, names)

    def verify(self, pair: Pair) -> Iterator[Proof]:
        for name in self.names(pair):
            if not empty(pair.target, name):
                yield from prove_shape(pair, name)

    def _rehearsed(self, pair: Pair, name: str) -> bool:
        """Whether the target holds a whole copy, or held one and was emptied for the last one."""
        there = described(pair.target, name)
        if there is None or described(pair.source, name) != there:
            return False
        dumped = pair.target.ask("test", "-e", f"{self.copier.at(name)}/toc.dat").status == 0
        return dumped and (
            empty(pair.target, name) or schema(pair.source, name) == schema(pair.target, name)
        )


@dataclass(frozen=True)
class Empty(Step):
    """The databases that are dumped are dropped on the target and created like the source's."""

    copier: Copier
    names: Names
    key = "create-databases"
    title = "create empty databases"
    why = "Dropping the rehearsal's thousands of files takes its time; people needn't wait for it."
    phase = "cutover"
    rows = (16,)
    settled_by = "restore-databases"

    def run(self, pair: Pair) -> Iterator[Change]:
        yield from self.copier.create(pair, self.names(pair))

    def verify(self, pair: Pair) -> Iterator[Finding]:
        # The source isn't asked: after a kill in the freeze its server may be stopped.
        known = {name for (name,) in pair.target.sql("postgres", NAMES)}
        for name in sorted(set(self.copier.names) - known):
            yield Finding("database-missing", "blocks", "target", f"there is no database {name}")


@dataclass(frozen=True)
class Dump(Step):
    """The databases as they stand while nobody writes."""

    copier: Copier
    names: Names
    key = "dump-databases"
    title = "dump the databases that don't follow"
    why = "All at once, in parallel, straight into a private folder on the target."
    phase = "cutover"
    account = "databases"
    rows = (13,)

    def run(self, pair: Pair) -> Iterator[Change]:
        yield from self.copier.dump(pair, self.names(pair), finish=True)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        for name in self.names(pair):
            folder = self.copier.at(name)
            if pair.target.ask("pg_restore", "--list", folder).status != 0:
                yield Finding("dump-missing", "blocks", "target", f"no whole dump in {folder}")

    def expects(self, known: Measured) -> Expected:
        return rehearsed(self, known, "dump ") or super().expects(known)


@dataclass(frozen=True)
class Restore(Step):
    """What was dumped stands in the target's databases."""

    copier: Copier
    names: Names
    key = "restore-databases"
    title = "restore what was dumped"
    why = "Into databases that were created explicitly, up to the first error: success is success."
    phase = "cutover"
    account = "databases"
    rows = (16,)
    settled_by = "start"

    def run(self, pair: Pair) -> Iterator[Change]:
        yield from self.copier.restore(pair, self.names(pair))

    def verify(self, pair: Pair) -> Iterator[Proof]:
        for name in self.names(pair):
            yield from prove(pair, name)

    def expects(self, known: Measured) -> Expected:
        return rehearsed(self, known, "restore ") or super().expects(known)


def rehearsed(step: Step, known: Measured, title: str) -> Expected | None:
    """As the change that begins with these words took in the rehearsal; None without one."""
    took = [
        seconds
        for (key, name), seconds in known.changes.items()
        if key == Rehearse.key and name.startswith(title)
    ]
    if step.key in known.steps or not took:
        return None
    return Expected(took[-1], took[-1] * 0.8, took[-1] * 1.5, "as in the rehearsal, under load")
