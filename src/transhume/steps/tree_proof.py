"""Prove trees equal: every entry of all of them, listed on both machines at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.core.tally import Tally, Tell, untold
from transhume.steps.manifest import Difference, Tree, listings

BATCH = 500
"""Differences that are judged together."""

Excuse = Callable[[Tree, Sequence[Difference]], Sequence[bool]]
"""Which of these differences are people's rightful work since the opening."""


def none_excused(tree: Tree, differing: Sequence[Difference]) -> Sequence[bool]:
    """Before the opening every difference counts."""
    return [False] * len(differing)


def prove_trees(
    pair: Pair, trees: Sequence[Tree], tell: Tell = untold, excuse: Excuse = none_excused
) -> Iterator[Proof]:
    """One proof for each tree, in their order: all its entries, and those that differ.

    Names, kinds, sizes, owners and groups by name, modes, times, ACLs, extended attributes, hard
    links, what symbolic links and devices are, holes; where the tree says `contents`, every byte.
    What couldn't be read on either side differs. StepFailed when a listing can't be made.
    """
    if not trees:
        return
    tallies = [Tally(tree.path, "entries", tell) for tree in trees]
    proved = 0
    for found in listings(pair, trees, BATCH):
        # The trees before it are at their end.
        for tally in tallies[proved : found.tree]:
            yield tally.proof()
        proved = found.tree
        equal, differing = _looked_again(pair, trees[proved], found.differing)
        tallies[proved].equal(found.equal + equal)
        _count(tallies[proved], differing, excuse(trees[proved], differing))
    for tally in tallies[proved:]:
        yield tally.proof()


def _looked_again(
    pair: Pair, tree: Tree, differing: Sequence[Difference]
) -> tuple[int, Sequence[Difference]]:
    """The same, with what vanished while it was listed as it is now; how many are equal now."""
    vanished = tuple({difference.path: None for difference in differing if difference.vanished})
    if not vanished:
        return 0, differing
    again = listings(pair, [replace(tree, only=vanished)], len(vanished))
    now = [difference for merged in again for difference in merged.differing]
    left = [difference for difference in differing if not difference.vanished]
    return len(vanished) - len(now), [*left, *now]


def _count(tally: Tally, differing: Sequence[Difference], excused: Sequence[bool]) -> None:
    for difference, rightful in zip(differing, excused, strict=True):
        if rightful:
            tally.excused()
        else:
            tally.differs(str(difference))
