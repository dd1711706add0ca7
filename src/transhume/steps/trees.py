"""Copy trees: hot passes while people work, and the last one while nobody does."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from transhume.core.change import Act, Change, Keep, Run, SyncPaths, SyncTree, Together
from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.core.lag import Lag
from transhume.core.measured import Expected, Measured
from transhume.core.recalled import Recalled
from transhume.core.step import Step
from transhume.errors import StepFailed
from transhume.steps import manifest
from transhume.steps.bulk import first_copy
from transhume.steps.followed import (
    FIRST,
    FOLLOWING,
    News,
    Told,
    asked,
    asked_at_end,
    counted,
    noted,
)
from transhume.steps.mounted import refuse_unmounted
from transhume.steps.tree_proof import prove_trees

_KEEP = Keep("the copy on the target does no harm, and the next pass needs less")
_LISTED = Keep("the tracker's list goes when the tracker goes")
# A pass takes its connections, however little it brings, and fewer paths than these say nothing of
# how long each of them took.
_PASS_SECONDS, _TELLING = 2.0, 50
_USUAL_SECONDS = 0.005
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
    """The trees that the source has; StepFailed when one that every server has is missing, or when
    what one lay on isn't mounted any more."""
    refuse_unmounted(pair.source, pair.source, [tree.path for tree in trees])
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
    if match is None:
        # 0 would say that nothing is lacking.
        raise StepFailed(f"rsync's account lacks what it was asked for: {rule.pattern}")
    return int(re.sub(r"[,.]", "", match[1]))


def durable(paths: Sequence[str]) -> Change:
    """Wait for the target's disk; soon done when it was done after the pass before."""
    wait = Run("target", ("sync", "--file-system", *paths))
    return Change("wait until they are on disk", wait, _KEEP)


@dataclass(frozen=True)
class SyncTrees(Step):
    """A hot pass: what changed in the trees that are followed, all of the others."""

    trees: tuple[Tree, ...]
    key = "sync-trees"
    title = "copy the trees"
    why = "Most of the data never changes: copied while people work, it costs no downtime."
    phase = "sync"
    rows = (8, 9)
    touches = frozenset({"source", "target"})
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        told, trees = asked(pair, "acked"), existing(pair, self.trees)
        changes = [*_changed(told, trees)]
        yield from changes
        unknown = [tree for tree in trees if told.of(tree.path) is None]
        for tree in unknown:
            yield from _whole(pair, tree, told)
        if changes or unknown:
            yield durable([tree.path for tree in trees])

    def lag(self, pair: Pair) -> Iterator[Lag]:
        told = counted(pair)
        for tree in existing(pair, self.trees):
            news = told.of(tree.path)
            yield _walked(pair, tree.path) if news is None else listed(tree.path, news)


def _changed(told: Told, trees: Sequence[Tree]) -> Iterator[Change]:
    """Bring exactly what the tracker tells."""
    known = {tree.path: news for tree in trees if (news := told.of(tree.path)) is not None}
    paths = [path for path, news in known.items() if news.paths]
    if paths:
        acts = tuple(SyncPaths(path, known[path].names) for path in paths)
        yield Change("copy what changed", Together(acts), _KEEP)
        yield Change("tell the tracker what arrived", noted(told, "acked", paths), _LISTED)


def _whole(pair: Pair, tree: Tree, told: Told) -> Iterator[Change]:
    """Look at all of a tree. What is followed from here on must hold nothing that went before."""
    news = told.trees.get(tree.path)
    carried = list(first_copy(pair, tree.path))
    yield from carried
    expected = 0 if carried else compare(pair, SyncTree(tree.path)).lacking
    act = SyncTree(tree.path, delete=tree.churns or news is not None, expected=expected)
    known = news.gaps if news else (told.problem,)
    missed = [reason for reason in known if reason not in ("", FIRST)]
    title = f"scan {tree.path}: {missed[0]}" if missed else f"copy {tree.path}"
    yield Change(title, act, _KEEP)
    if news is not None:
        arrived = noted(told, "acked", [tree.path])
        yield Change(f"tell the tracker that {tree.path} arrived", arrived, _LISTED)


def _walked(pair: Pair, path: str) -> Lag:
    """The last pass walks the same tree: it takes at least as long as this look."""
    began = time.monotonic()
    lack = compare(pair, SyncTree(path))
    return Lag(path, lack.lacking, "bytes", time.monotonic() - began, total=lack.total)


def listed(path: str, news: News) -> Lag:
    """What waits, at the pace of the pass before."""
    each = max((news.seconds - _PASS_SECONDS) / max(news.handed, _TELLING), _USUAL_SECONDS)
    return Lag(path, news.count, "changes", news.count * each, news.way in FOLLOWING)


def _present(pair: Pair, trees: tuple[Tree, ...], told: Told) -> list[str]:
    """The trees that the source has, by the tracker's word where it is one."""
    known = {path for path, news in told.trees.items() if news.way != "absent"}
    needed = {tree.path for tree in trees if not tree.optional}
    missed = any(news.gaps for news in told.trees.values())
    if told.problem or missed or not needed <= known:
        return [tree.path for tree in existing(pair, trees)]
    return [tree.path for tree in trees if tree.path in known]


def _rest(path: str, news: News | None) -> Iterator[Act]:
    if news is None:
        yield SyncTree(path, finish=True)
    elif news.paths:
        yield SyncPaths(path, news.names, finish=True)


def _proved(path: str, news: News | None) -> manifest.Tree:
    """What has to be compared: what was handed over since all of it was, or all of it."""
    if news is None:
        return manifest.Tree(path)
    return manifest.Tree(path, only=tuple("" if name == "." else name for name in news.paths))


@dataclass(frozen=True)
class FinishTrees(Step):
    """The last pass, all trees at once: no tree is walked that was followed."""

    trees: tuple[Tree, ...]
    key = "finish-trees"
    title = "copy the rest of the trees"
    why = "Nobody writes any more: what changed since the hot pass moves, what vanished goes."
    phase = "cutover"
    account = "files"
    usual = (0.5, 2.0)
    rows = (11,)
    settled_by = "start"
    told: Recalled[Told] = field(default_factory=Recalled, init=False, repr=False, compare=False)
    """What has to be proved: asked for with the rest, since a tree may have to be walked for it."""

    def run(self, pair: Pair) -> Iterator[Change]:
        self.told.drop()
        told, proved = asked_at_end(pair)
        paths = _present(pair, self.trees, told)
        acts = tuple(act for path in paths for act in _rest(path, told.of(path)))
        if acts:
            yield Change("copy the rest", Together(acts), _KEEP)
            yield durable(paths)
        self.told.keep(pair, proved)

    def verify(self, pair: Pair) -> Iterator[Proof]:
        told = self.told.take(pair) or asked(pair, "proved")
        paths = _present(pair, self.trees, told)
        return prove_trees(pair, [_proved(path, told.of(path)) for path in paths])

    def expects(self, known: Measured) -> Expected:
        """What the trees lacked at the last look; the frozen pass walks and proves them as well."""
        trees = [name for name in known.lags if name.startswith("/")]
        if not trees:
            return super().expects(known)
        low, high = self.usual
        rest = known.rest(trees)
        behind = f"what {len(trees)} trees lacked at the last look"
        return Expected(rest + low, rest / 2 + low, rest * 2 + high, behind)
