"""Bring what of the configuration has changed since it was brought hot, and prove all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.change import Change, WriteFile
from transhume.core.finding import Finding, Proof
from transhume.core.host import Host, Pair
from transhume.core.once import once
from transhume.core.step import Step
from transhume.steps import map_proof, postfix
from transhume.steps.configuration import PUT_BACK_WHOLE, Configuration, durable
from transhume.steps.manifest import listings

_BATCH = 1000


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

    def run(self, pair: Pair) -> Iterator[Change]:
        # Until the first change each question has one answer.
        now = once(pair)
        folders, files = self.hot.present(now)
        changed = self._changed(pair, folders, files)
        if changed:
            act = self.hot.mirrored(folders, files)
            # Some of it may be new on the source: no earlier way back knows of that.
            indexed = tuple(each.indexed for each in postfix.maps(pair))
            back = self.hot.put_back((*folders, *files, *indexed))
            yield Change("bring what changed since", act, back)
        for path, content in postfix.adapted(pair if changed else now).items():
            if pair.target.file(path) != content:
                yield Change(f"write {path}", WriteFile("target", path, content), PUT_BACK_WHOLE)
        # Where nothing changed the texts are equal, and those of the target are nearer.
        for each in self._stale(pair) if changed else self._stale(now, now.target):
            yield Change(f"build the map {each.path}", postfix.build(each), PUT_BACK_WHOLE)
        # Also when the file didn't change: killed before this the role would keep the former one.
        yield self.hot.password(pair)
        if changed:
            yield durable(folders)

    def _changed(self, pair: Pair, folders: tuple[str, ...], files: tuple[str, ...]) -> bool:
        found = listings(pair, self.hot.listed(folders, files), _BATCH)
        return any(each.differing for each in found)

    def _stale(self, pair: Pair, origin: Host | None = None) -> Iterator[postfix.Map]:
        """The maps that don't answer as the text of the origin, or the source, says."""
        for each in self.hot.maps(pair):
            proofs = map_proof.answers(origin or pair.source, pair.target, [each])
            if not all(proof.whole for proof in proofs):
                yield each

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        yield from self.hot.equal(pair)
        now = once(pair)
        # The texts were just proved to be the source's.
        yield from map_proof.answers(now.target, now.target, postfix.maps(now))
