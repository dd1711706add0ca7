"""Prove source and target equal at any time: before the switch all, after it what was frozen."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace

from transhume.core.change import SyncTree
from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.steps import database_proof
from transhume.steps import trees as tree_steps


@dataclass(frozen=True)
class Subject:
    """What is proved. `opened` is when the target was opened (seconds since the epoch), 0 before.

    With `contents` every byte of the trees is read on both sides.
    """

    trees: tuple[tree_steps.Tree, ...]
    databases: tuple[str, ...]
    contents: bool
    opened: float

    def proofs(self, pair: Pair) -> Iterator[Proof]:
        """One proof after the other, as they are made."""
        for tree in tree_steps.existing(pair, self.trees):
            proof = tree_steps.prove(pair, SyncTree(tree.path, contents=self.contents))
            yield self._used_tree(pair, tree, proof) if self.opened else proof
        for name in self.databases:
            for proof in database_proof.prove(pair, name):
                yield self._used_database(proof) if self.opened else proof

    def _used_tree(self, pair: Pair, tree: tree_steps.Tree, proof: Proof) -> Proof:
        """Leave out what people did since the opening: new entries, and changed ones.

        What the source had and the target lacks is a difference, but where files are replaced
        all the time.
        """
        changed = _changed(pair, tree.path, self.opened)
        differing = tuple(
            line for line in proof.differing if not _since(line, changed, tree.churns)
        )
        since = len(proof.differing) - len(differing)
        return replace(
            proof, equal=proof.compared - len(differing), differing=differing, since=since
        )

    def _used_database(self, proof: Proof) -> Proof:
        """Rows change as soon as people work: those tables were proved while all stood still."""
        if proof.unit != "tables":
            return proof
        return replace(proof, equal=proof.compared, differing=(), since=len(proof.differing))


def _changed(pair: Pair, path: str, since: float) -> frozenset[str]:
    printed = pair.target.read("find", path, "-newerct", f"@{since:.0f}", "-printf", "%P\\0")
    # Each name has its end; the empty one is the tree's own folder.
    return frozenset(printed.split("\0")[:-1])


def _since(line: str, changed: frozenset[str], churns: bool) -> bool:
    if line.startswith("*deleting"):
        return True
    name = tree_steps.name_of(line)
    missing = "+++++" in line.split(" ", 1)[0]
    return churns if missing else (name in changed or posixpath.dirname(name) in changed)
