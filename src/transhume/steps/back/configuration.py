"""Carry back what was set on the target since the switch; the source keeps aside what it had."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from transhume.core.change import Act, Change, Keep, Run, SyncFiles, SyncTree, Together
from transhume.core.finding import Finding, Proof, stopping
from transhume.core.host import Host, Pair
from transhume.core.once import once
from transhume.core.recalled import Recalled
from transhume.core.step import Step
from transhume.steps import postfix
from transhume.steps.configuration import Configuration
from transhume.steps.manifest import listings
from transhume.steps.tree_proof import prove_trees

ASIDE = "/var/backups/transhume-replaced"
"""On the source: what it had of what was set on the target, a numbered folder for each time."""
_KEEP = Keep(f"the source serves nobody, and what it had lies in {ASIDE}")
_BATCH = 1000
_PARAMETER = re.compile(r"^([^\s=#]+)[ \t]*=[ \t]*(.*(?:\n[ \t].*)*)", re.MULTILINE)


def parameters(text: str) -> dict[str, str]:
    """What a main.cf sets; of what stands there twice the last counts, as for Postfix."""
    lines = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))
    return {name: " ".join(value.split()) for name, value in _PARAMETER.findall(lines)}


def _free(source: Host) -> str:
    """The next folder: what an earlier way back kept, or one that was cut off, stays as it is."""
    there = source.ask("find", ASIDE, "-mindepth", "1", "-maxdepth", "1", "-type", "d", "-print0")
    names = [path.rpartition("/")[2] for path in there.text.split("\0")]
    return f"{ASIDE}/{1 + max((int(name) for name in names if name.isdecimal()), default=0)}"


@dataclass(frozen=True)
class CarryConfiguration(Step):
    """Files that differ were changed since the switch, when all were proved equal.

    Of main.cf, which each distribution has in its own way, single parameters are set; master.cf
    is named where it was changed, and not carried.
    """

    moved: Configuration
    key = "carry-configuration"
    title = "carry the configuration back"
    why = "Set while people work: Postfix waits for two seconds when its main.cf has just changed."
    phase = "back"
    touches = frozenset({"source", "target"})
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        folders, files = self._differing(pair)
        aside = _free(pair.source)
        acts: list[Act] = [self._mirror(folder, aside) for folder in folders]
        if files:
            acts.append(SyncFiles(files, to_source=True, aside=aside))
        if acts:
            what = ", ".join((*folders, *files)[:5])
            yield Change(f"set on the source what was set: {what}", Together(tuple(acts)), _KEEP)
        for each in postfix.own_maps(pair.source):
            if each.text in files:
                act = postfix.build(each, "source")
                yield Change(f"build the source's map {each.path}", act, _KEEP)
        yield from self._main(pair, aside)

    def _mirror(self, folder: str, aside: str) -> SyncTree:
        kept = self.moved.kept_in(folder)
        return SyncTree(folder, True, exclude=kept, contents=True, to_source=True, aside=aside)

    def _present(self, pair: Pair) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What the target has now."""
        return self.moved.present(Pair(pair.target, pair.source))

    def _differing(self, pair: Pair) -> tuple[tuple[str, ...], tuple[str, ...]]:
        folders, files = self._present(pair)
        trees, found = self.moved.listed(folders, files), dict[str, list[str]]()
        for part in listings(pair, trees, _BATCH):
            paths = [each.path for each in part.differing]
            found.setdefault(trees[part.tree].path, []).extend(paths)
        single = {f"/{path}" for path in found.pop("/", [])}
        unlike = tuple(folder for folder in folders if found.get(folder))
        return unlike, tuple(path for path in files if path in single)

    def _main(self, pair: Pair, aside: str) -> Iterator[Change]:
        """Parameters that aren't as the move has set them on the target."""
        wanted, gone = self._parameters(pair)
        if not wanted and not gone:
            return
        keep = ("mkdir", "-p", f"{aside}/etc/postfix")
        yield Change("make room for what is replaced", Run("source", keep), _KEEP)
        copy = ("cp", "-a", postfix.MAIN, f"{aside}{postfix.MAIN}")
        yield Change("keep the source's main.cf", Run("source", copy), _KEEP)
        for options, words in (("-e", wanted), ("-X", gone)):
            if words:
                act = Run("source", ("postconf", options, *words))
                yield Change(f"set {', '.join(words)[:60]} in main.cf", act, _KEEP)

    def _parameters(self, pair: Pair) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is to be set on the source, and what is to be set no more."""
        made, now = (parameters(text) for text in self._mains(pair))
        own, kinds = postfix.map_type(pair.source), postfix.supported(pair.source)
        wanted = {
            name: postfix.adapt_main(value, kinds, own)
            for name, value in now.items()
            if made.get(name) != value
        }
        gone = tuple(name for name in made if name not in now)
        return tuple(f"{name}={value}" for name, value in wanted.items()), gone

    def _mains(self, pair: Pair) -> tuple[str, str]:
        """main.cf of the target: as the source's would be there, and as it is."""
        made = postfix.adapted(pair)[postfix.MAIN]
        now = pair.target.file(postfix.MAIN) or b""
        return made.decode(errors="surrogateescape"), now.decode(errors="surrogateescape")

    def equal(self, pair: Pair) -> Iterator[Proof]:
        """The proofs that what was set on the target is set on the source."""
        yield from prove_trees(pair, self.moved.listed(*self._present(pair)))
        wanted, gone = self._parameters(pair)
        differing = (*wanted, *gone)
        made = parameters(self._mains(pair)[0])
        count = len(made) or 1
        note = f"{postfix.MASTER} was changed on the target; the source keeps its own"
        changed = postfix.adapted(pair)[postfix.MASTER] != pair.target.file(postfix.MASTER)
        notes = (note,) if changed else ()
        yield Proof(
            postfix.MAIN, count, max(0, count - len(differing)), "parameters", differing, 0, notes
        )


@dataclass(frozen=True)
class FinishCarried(Step):
    """As a rule nothing: who changes settings while a way back is being made?"""

    hot: CarryConfiguration
    key = "finish-carried"
    title = "prove the configuration on the source"
    why = "Nobody writes any more: what was set since the last look goes back, and all is compared."
    phase = "back"
    account = "configuration"
    touches = frozenset({"source", "target"})
    seen: Recalled[list[Proof]] = field(
        default_factory=Recalled, init=False, repr=False, compare=False
    )

    def run(self, pair: Pair) -> Iterator[Change]:
        self.seen.drop()
        # Nothing is altered until the first change, so each question has one answer.
        seen = list(self.hot.equal(once(pair)))
        if stopping(seen):
            yield from self.hot.run(pair)
        else:
            self.seen.keep(pair, seen)

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        yield from self.seen.take(pair) or self.hot.equal(once(pair))
