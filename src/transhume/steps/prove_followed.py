"""Compare whole trees while people work, so that the frozen proof needs only what came since."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transhume.core.change import Change, Keep, SyncPaths
from transhume.core.host import Pair
from transhume.core.step import Step
from transhume.steps import manifest
from transhume.steps.followed import News, asked, noted
from transhume.steps.manifest import Difference
from transhume.steps.tree_proof import BATCH
from transhume.steps.trees import Tree

_KEEP = Keep("the copy on the target does no harm, and the next pass needs less")
_LISTED = Keep("the tracker's list goes when the tracker goes")


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
        told = asked(pair, "acked")
        followed = [tree.path for tree in self.trees if _there(told.of(tree.path))]
        if not followed:
            return
        differing = _differing(pair, followed)
        later = asked(pair, "acked")
        missed = {path: _missed(differing[path], later.of(path)) for path in followed}
        for path in followed:
            if missed[path]:
                names = b"".join(os.fsencode(name) + b"\0" for name in missed[path])
                yield Change(f"copy what was missed in {path}", SyncPaths(path, names), _KEEP)
        # A tree in which one thing was missed is compared whole once more while nobody writes.
        whole = [path for path in followed if not missed[path]]
        if whole:
            yield Change("tell the tracker what was proved", noted(told, "proved", whole), _LISTED)


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
