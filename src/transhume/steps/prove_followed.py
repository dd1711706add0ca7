"""Compare whole trees while people work, so that the frozen proof needs only what came since."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transhume.core.change import Change, Keep, SyncPaths
from transhume.core.host import Pair
from transhume.core.lag import Lag
from transhume.core.step import Step
from transhume.steps import manifest
from transhume.steps.followed import News, Told, asked, counted, noted
from transhume.steps.manifest import Difference
from transhume.steps.tree_proof import BATCH
from transhume.steps.trees import Tree, durable, existing

_KEEP = Keep("the copy on the target does no harm, and the next pass needs less")
_LISTED = Keep("the tracker's list goes when the tracker goes")
_MANY = 5_000
"""Paths that changed since a tree was compared, each to be compared once more in the outage; with
more of them it is worth while to compare the tree again before it."""
_EACH = 0.0001
"""Seconds to compare one path by its name: half of it was measured to list it."""


@dataclass(frozen=True)
class ProveFollowed(Step):
    """The copy differs from the source by nothing but what the tracker tells."""

    trees: tuple[Tree, ...]
    key = "prove-followed"
    title = "compare the trees"
    why = "A change that was missed must be known before anybody waits for it."
    phase = "cutover"
    touches = frozenset({"source", "target"})

    def run(self, pair: Pair) -> Iterator[Change]:
        yield from _proved(pair, [tree.path for tree in self.trees])


@dataclass(frozen=True)
class ProveAgain(Step):
    """The comparison of before still counts: nothing was missed since, and not much has changed."""

    trees: tuple[Tree, ...]
    key = "prove-again"
    title = "compare again what may have been missed"
    why = "A tree whose proof counts no more would be compared whole while people wait."
    phase = "cutover"
    touches = frozenset({"source", "target"})
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        told = counted(pair)
        known = [(tree.path, told.of(tree.path)) for tree in existing(pair, self.trees)]
        again = [path for path, news in known if news and not (news.proved and news.open <= _MANY)]
        if again:
            yield from _proved(pair, again)

    def lag(self, pair: Pair) -> Iterator[Lag]:
        """What comparing takes that is still left to the end: that it does is measured by doing.

        Of a proof that counts only what changed since is left, however much it was meanwhile.
        """
        told = counted(pair)
        known = {tree.path: told.trees.get(tree.path) for tree in existing(pair, self.trees)}
        proved = [news for news in known.values() if news and news.proved]
        changed = sum(news.open for news in proved)
        if changed:
            yield Lag("the proof of what changed", changed, "paths", changed * _EACH)
        left = [path for path, news in known.items() if not (news and news.proved)]
        if left:
            began = time.monotonic()
            _differing(pair, left)
            took = time.monotonic() - began
            yield Lag(f"the proof of {', '.join(left)}", len(left), "trees", took)


def _proved(pair: Pair, paths: Sequence[str]) -> Iterator[Change]:
    """Compare these trees, bring what nobody told of, and note what is proved."""
    found = _compared(pair, paths)
    for path, names in found.missed.items():
        title = f"copy what was missed in {path}: {len(names):,} paths"
        yield Change(title, SyncPaths(path, _listed(names)), _KEEP)
    yield from _noted(found)
    if found.missed:
        yield durable(list(found.missed))
        # What isn't equal now either is compared whole once more while nobody writes.
        yield from _noted(_compared(pair, list(found.missed)))


@dataclass(frozen=True)
class _Found:
    """What came of comparing: the trees that are equal but for what the tracker told, and the
    paths that it missed in each of the others."""

    told: Told
    whole: list[str]
    missed: dict[str, list[str]]


def _compared(pair: Pair, paths: Sequence[str]) -> _Found:
    """Compare those of the trees that are followed."""
    told = asked(pair, "acked")
    followed = [path for path in paths if _there(told.of(path))]
    differing = _differing(pair, followed) if followed else {}
    later = asked(pair, "acked") if followed else told
    missed = {path: _missed(differing[path], later.of(path)) for path in followed}
    whole = [path for path in followed if not missed[path]]
    return _Found(told, whole, {path: names for path, names in missed.items() if names})


def _noted(found: _Found) -> Iterator[Change]:
    if found.whole:
        act = noted(found.told, "proved", found.whole)
        yield Change("tell the tracker what was proved", act, _LISTED)


def _listed(names: Sequence[str]) -> bytes:
    return b"".join(os.fsencode(name) + b"\0" for name in names)


def _there(news: News | None) -> bool:
    return news is not None and news.way != "absent"


def _differing(pair: Pair, paths: Sequence[str]) -> dict[str, list[Difference]]:
    """What differs in each tree at this moment; what was changed just now is among it."""
    found: dict[str, list[Difference]] = {path: [] for path in paths}
    for part in manifest.listings(pair, [manifest.Tree(path) for path in paths], BATCH):
        found[paths[part.tree]] += part.differing
    return found


def _missed(differing: Sequence[Difference], news: News | None) -> list[str]:
    """The differing paths that nobody told of; none where the list isn't whole any more.

    A folder's time follows what happens in it, and what vanished takes all beneath it along; the
    tree's own folder is brought at the end.
    """
    if news is None:
        return []
    known = {".", *news.paths}
    above = {parent for path in news.paths for parent in _parents(path)}
    return [
        each.path
        for each in differing
        if each.path not in known
        and each.path not in above
        and not (each.theirs is None and known.intersection(_parents(each.path)))
    ]


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
