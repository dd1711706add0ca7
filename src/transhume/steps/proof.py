"""Prove source and target equal at any time: before the switch all, after it what was frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.core.tally import Tell, untold
from transhume.core.understood import understood
from transhume.errors import TranshumeError
from transhume.steps import bodies as body_proof
from transhume.steps import database_proof, manifest
from transhume.steps import trees as tree_steps
from transhume.steps.bodies import Bodies
from transhume.steps.database_proof import Notice, unheard
from transhume.steps.mark import marks
from transhume.steps.since import Since
from transhume.steps.tree_proof import Excuse, none_excused, prove_trees

Prove = Callable[[Pair, float, Excuse, Tell], Iterator[Proof]]
"""Gets the opening, seconds since the epoch; what excuses files; who keeps all differences."""


@dataclass(frozen=True)
class Subject:
    """What is proved. `opened` is when the target began to serve, seconds since the epoch; else 0.

    Every body is read on the target; with `contents` every byte of the trees on both sides.
    """

    trees: tuple[tree_steps.Tree, ...]
    databases: tuple[str, ...]
    bodies: Bodies
    contents: bool
    opened: float
    serving: tuple[tuple[str, Prove], ...] = ()
    """What is proved once the target serves, each by the name that stands for it if it fails."""
    mark: str = ""
    """The file that says from where on rows of the target are people's."""

    def proofs(self, pair: Pair, tell: Tell = untold, notice: Notice = unheard) -> Iterator[Proof]:
        """One proof after the other, as they are made; what can't be compared is a difference.

        `notice` hears how far the reading of the tables is.
        """
        yield from _told("trees", partial(self._trees, pair, tell), tell)
        rows = partial(body_proof.prove_rows, pair, self.bodies, tell)
        yield from _told("bodies: files", rows, tell)
        names = partial(body_proof.prove_names, pair, self.bodies, tell)
        yield from _told("bodies: content", names, tell)
        for name in self.databases:
            yield from _told(name, partial(self._database, pair, name, notice, tell), tell)
        if self.opened:
            used = self._used(pair)
            for part, prove in self.serving:
                yield from _told(part, partial(prove, pair, self.opened, used, tell), tell)

    def _trees(self, pair: Pair, tell: Tell) -> Iterator[Proof]:
        known = tree_steps.existing(pair, self.trees)
        used = self._used(pair) if self.opened else none_excused
        contents: Literal["bytes", ""] = "bytes" if self.contents else ""
        wanted = [manifest.Tree(tree.path, contents=contents) for tree in known]
        return prove_trees(pair, wanted, tell, used)

    def _used(self, pair: Pair) -> Excuse:
        churning = frozenset(tree.path for tree in self.trees if tree.churns)
        return Since(pair, self.opened, churning, self.bodies)

    def _database(self, pair: Pair, name: str, notice: Notice, tell: Tell) -> Iterator[Proof]:
        mark = marks(pair.target, self.mark).get(name) if self.opened else None
        return database_proof.prove(pair, name, notice, mark, tell=tell)


def _told(part: str, prove: Callable[[], Iterator[Proof]], tell: Tell) -> Iterator[Proof]:
    """The proofs; one that can't be made is told as a difference, and the others are made."""
    try:
        with understood(part):
            yield from prove()
    except TranshumeError as error:
        said = f"couldn't be compared: {error.what}"
        tell(part, said)
        yield Proof(part, 1, 0, "proofs", (said,))
