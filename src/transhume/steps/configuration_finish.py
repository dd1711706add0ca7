"""Bring what of the configuration has changed since it was brought hot, and prove all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from transhume.core.change import Change, WriteFile
from transhume.core.finding import Finding, Proof, stopping
from transhume.core.host import Host, Pair
from transhume.core.once import once
from transhume.core.recalled import Recalled
from transhume.core.step import Step
from transhume.steps import map_proof, postfix
from transhume.steps.configuration import PUT_BACK_WHOLE, Configuration, durable


@dataclass(frozen=True)
class FinishConfiguration(Step):
    """As a rule nothing: who changes settings during a move?"""

    hot: Configuration
    key = "finish-configuration"
    title = "prove the configuration"
    why = "Nobody writes any more: what was changed since the last look moves, and all is compared."
    phase = "cutover"
    account = "configuration"
    usual = (0.3, 1.5)
    rows = (14, 15)
    settled_by = "start"
    seen: Recalled[list[Finding | Proof]] = field(
        default_factory=Recalled, init=False, repr=False, compare=False
    )

    def run(self, pair: Pair) -> Iterator[Change]:
        self.seen.drop()
        # Until the first change each question has one answer.
        now = once(pair)
        folders, files = self.hot.present(now)
        seen = list(self.hot.equal(now))
        changed = bool(stopping(seen))
        if changed:
            yield self._brought(pair, folders, files)
        written = list(_adapted(pair if changed else now, pair.target))
        yield from written
        anew = pair if changed or written else now
        # Where nothing changed the texts are equal, and those of the target are nearer.
        origin = anew.source if changed else anew.target
        answered = list(map_proof.answers(origin, anew.target, postfix.maps(anew)))
        yield from self._built(anew, answered)
        # Also when the file didn't change: killed before this the role would keep the former one.
        yield self.hot.password(pair)
        if changed:
            yield durable(folders)
        elif not written and not stopping(answered):
            self.seen.keep(pair, [*seen, *answered])

    def _brought(self, pair: Pair, folders: tuple[str, ...], files: tuple[str, ...]) -> Change:
        act = self.hot.mirrored(folders, files)
        # Some of it may be new on the source: no earlier way back knows of that.
        indexed = tuple(each.indexed for each in postfix.maps(pair))
        return Change(
            "bring what changed since", act, self.hot.put_back((*folders, *files, *indexed))
        )

    def _built(self, pair: Pair, answered: list[Proof]) -> Iterator[Change]:
        """Build what doesn't answer as its text says."""
        stale = {proof.part for proof in answered if not proof.whole}
        for each in self.hot.maps(pair) if stale else ():
            if each.path in stale:
                yield Change(f"build the map {each.path}", postfix.build(each), PUT_BACK_WHOLE)

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        seen = self.seen.take(pair)
        if seen is not None:
            # Nothing of it has been altered since.
            yield from seen
            return
        yield from self.hot.equal(pair)
        now = once(pair)
        # The texts were just proved to be the source's.
        yield from map_proof.answers(now.target, now.target, postfix.maps(now))


def _adapted(pair: Pair, target: Host) -> Iterator[Change]:
    """Postfix's main.cf and master.cf, where the source's have become others."""
    for path, content in postfix.adapted(pair).items():
        if target.file(path) != content:
            yield Change(f"write {path}", WriteFile("target", path, content), PUT_BACK_WHOLE)
