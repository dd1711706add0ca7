"""Copy trees: hot passes while people work, and the last one while nobody does."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from transhume.core.change import Change, Keep, Run, SyncTree, Together
from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.core.lag import Lag
from transhume.core.measured import Expected, Measured
from transhume.core.step import Step
from transhume.errors import StepFailed
from transhume.steps import manifest
from transhume.steps.bulk import first_copy
from transhume.steps.tree_proof import prove_trees

_KEEP = Keep("the copy on the target does no harm, and the next pass needs less")
_STATS = {
    "files": re.compile(r"^Number of files: ([\d,.]+)", re.MULTILINE),
    "lacking": re.compile(r"^Total transferred file size: ([\d,.]+)", re.MULTILINE),
    "total": re.compile(r"^Total file size: ([\d,.]+)", re.MULTILINE),
}


@dataclass(frozen=True)
class Tree:
    """One tree to move. `optional`: not every server has it. `churns`: its files are replaced
    all the time, so that hot passes delete too, or the target would fill with old ones."""

    path: str
    optional: bool = False
    churns: bool = False


@dataclass(frozen=True)
class Lack:
    """What a tree on the target still lacks: files that differ, bytes to move, bytes in all."""

    path: str
    differing: tuple[str, ...]
    files: int
    lacking: int
    total: int


def existing(pair: Pair, trees: tuple[Tree, ...]) -> list[Tree]:
    """The trees that the source has; StepFailed when one that every server has is missing."""
    found = []
    for tree in trees:
        if pair.source.ask("test", "-d", tree.path).status == 0:
            found.append(tree)
        elif not tree.optional:
            raise StepFailed(
                f"the source has no {tree.path}, which every server of its kind has",
                remedy="is this the right machine, and is its disk mounted?",
            )
    return found


def compare(pair: Pair, tree: SyncTree) -> Lack:
    """Everything in which the target's tree differs from the source's, by rsync's own account.

    Names, kinds, sizes, times, owners, modes, ACLs, extended attributes and hard links are
    compared; where the tree says `contents`, every byte is read on both sides. Nothing is written.
    """
    reading = ("rsync", "-n", "--itemize-changes", "--out-format=%i %n", "--stats")
    output = pair.target.ask(*reading, *replace(tree, finish=True).arguments())
    if output.status != 0:
        said = output.stderr.decode(errors="replace").strip().splitlines()[-1:] or [""]
        raise StepFailed(f"{tree.path} can't be compared (rsync status {output.status}): {said[0]}")
    listed, _, stats = output.text.partition("\nNumber of files: ")
    numbers = {key: _number(rule, f"Number of files: {stats}") for key, rule in _STATS.items()}
    # Not splitlines(): names may hold what Unicode takes for the end of a line.
    differing = tuple(line for line in listed.split("\n") if line.strip())
    return Lack(tree.path, differing, numbers["files"], numbers["lacking"], numbers["total"])


def _number(rule: re.Pattern[str], text: str) -> int:
    match = rule.search(text)
    return int(re.sub(r"[,.]", "", match[1])) if match else 0


@dataclass(frozen=True)
class SyncTrees(Step):
    """A hot pass over all trees."""

    trees: tuple[Tree, ...]
    key = "sync-trees"
    title = "copy the trees"
    why = "Most of the data never changes: copied while people work, it costs no downtime."
    phase = "sync"
    rows = (8, 9)
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        for tree in existing(pair, self.trees):
            carried = list(first_copy(pair, tree.path))
            yield from carried
            expected = 0 if carried else compare(pair, SyncTree(tree.path)).lacking
            act = SyncTree(tree.path, delete=tree.churns, expected=expected)
            yield Change(f"copy {tree.path}", act, _KEEP)

    def lag(self, pair: Pair) -> Iterator[Lag]:
        for tree in existing(pair, self.trees):
            began = time.monotonic()
            lack = compare(pair, SyncTree(tree.path))
            # The last pass walks the same tree: it takes at least as long as this look.
            seconds = time.monotonic() - began
            yield Lag(tree.path, lack.lacking, "bytes", seconds, total=lack.total)


@dataclass(frozen=True)
class FinishTrees(Step):
    """The last pass, all trees at once."""

    trees: tuple[Tree, ...]
    key = "finish-trees"
    title = "copy the rest of the trees"
    why = "Nobody writes any more: what changed since the hot pass moves, what vanished goes."
    phase = "cutover"
    account = "files"
    usual = (0.5, 2.0)
    rows = (11,)
    settled_by = "start"

    def run(self, pair: Pair) -> Iterator[Change]:
        trees = existing(pair, self.trees)
        acts = tuple(SyncTree(tree.path, finish=True) for tree in trees)
        yield Change(f"finish {len(acts)} trees", Together(acts), _KEEP)
        paths = tuple(tree.path for tree in trees)
        durable = Run("target", ("sync", "--file-system", *paths))
        yield Change("wait until they are on disk", durable, _KEEP)

    def verify(self, pair: Pair) -> Iterator[Proof]:
        wanted = [manifest.Tree(tree.path) for tree in existing(pair, self.trees)]
        return prove_trees(pair, wanted)

    def expects(self, known: Measured) -> Expected:
        """What the trees lacked at the last look; the frozen pass walks and proves them as well."""
        trees = [name for name in known.lags if name.startswith("/")]
        if not trees:
            return super().expects(known)
        low, high = self.usual
        rest = known.rest(trees)
        behind = f"what {len(trees)} trees lacked at the last look"
        return Expected(rest + low, rest / 2 + low, rest * 2 + high, behind)
