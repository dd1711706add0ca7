"""Carry the trees from the target to the source: what changed since the switch, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transhume.core.change import Act, Change, Keep, Run, SyncPaths, SyncTree, Together
from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.core.lag import Lag
from transhume.core.step import Step
from transhume.steps import manifest
from transhume.steps.back.way import Way, turned
from transhume.steps.catch_up import CatchUp
from transhume.steps.follow_trees import tracking
from transhume.steps.followed import FOLLOWING, News, Told, asked, counted, noted
from transhume.steps.mounted import refuse_unmounted
from transhume.steps.tree_proof import prove_trees
from transhume.steps.trees import Tree, existing, listed

_KEEP = Keep("the target has it as people left it, and the source serves nobody")
_LISTED = Keep("the tracker's list goes when the tracker goes")


def _news(told: Told, path: str) -> News | None:
    """The tree's news when the kernel told them; None when the tree has to be looked at whole."""
    news = told.of(path)
    return news if news is not None and news.way in FOLLOWING else None


def _lying(pair: Pair, trees: tuple[Tree, ...]) -> list[str]:
    """The target's trees, once both machines have them where they had them at the switch."""
    refuse_unmounted(pair.target, pair.source, [tree.path for tree in trees])
    return [tree.path for tree in existing(turned(pair), trees)]


def _durable(paths: Sequence[str]) -> Change:
    wait = Run("source", ("sync", "--file-system", *paths))
    return Change("wait until they are on the source's disk", wait, _KEEP)


@dataclass(frozen=True)
class CarryTrees(Step):
    """A hot pass: people work on the target while what they did goes to the source."""

    way: Way
    key = "carry-trees"
    title = "carry the trees back"
    why = "What changed is copied while people work, so that it costs no downtime."
    phase = "back"
    touches = frozenset({"source", "target"})
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        other = turned(pair)
        paths = _lying(pair, self.way.trees)
        # One that was ended, as by a reboot, begins anew: then all trees are looked at once.
        yield from tracking(pair.target, self.way.trees, counted(other))
        told = asked(other, "acked")
        acts: list[Act] = []
        for path in paths:
            news = _news(told, path)
            if news is None:
                acts.append(SyncTree(path, delete=True, to_source=True))
            elif news.paths:
                acts.append(SyncPaths(path, news.names, to_source=True))
        if acts:
            yield Change("copy what changed to the source", Together(tuple(acts)), _KEEP)
            yield _durable(paths)
        brought = [path for path in paths if path in told.trees]
        if brought and acts:
            done = noted(told, "acked", brought, "target")
            yield Change("tell the target's tracker what arrived", done, _LISTED)

    def lag(self, pair: Pair) -> Iterator[Lag]:
        for path, news in counted(turned(pair)).trees.items():
            if not news.gaps and news.way in FOLLOWING:
                yield listed(path, news)


@dataclass(frozen=True)
class CarryAgain(CatchUp):
    """The hot pass once more, directly before people are shut out."""

    key = "carry-again"
    title = "carry back what changed meanwhile"
    phase = "back"


@dataclass(frozen=True)
class CarryRest(Step):
    """The last pass; what vanished on the target goes from the source as well."""

    way: Way
    key = "carry-rest"
    title = "carry the rest of the trees back"
    why = "Nobody writes any more: the source's trees become what the target's are."
    phase = "back"
    account = "files"
    touches = frozenset({"source", "target"})

    def run(self, pair: Pair) -> Iterator[Change]:
        other = turned(pair)
        told, paths = asked(other, "rest"), _lying(pair, self.way.trees)
        acts: list[Act] = []
        for path in paths:
            news = _news(told, path)
            if news is None:
                acts.append(SyncTree(path, finish=True, to_source=True))
            elif news.paths:
                acts.append(SyncPaths(path, news.names, finish=True, to_source=True))
        if acts:
            yield Change("copy the rest to the source", Together(tuple(acts)), _KEEP)
            yield _durable(paths)

    def verify(self, pair: Pair) -> Iterator[Proof]:
        other = turned(pair)
        told, paths = asked(other, "proved"), _lying(pair, self.way.trees)
        return prove_trees(pair, [_compared(path, _news(told, path)) for path in paths])


def _compared(path: str, news: News | None) -> manifest.Tree:
    """All that was touched since both were proved equal, or everything."""
    if news is None:
        return manifest.Tree(path)
    return manifest.Tree(path, only=tuple("" if name == "." else name for name in news.paths))
