"""Prove the target's configuration: the source's, or in the list of what differs on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.core.tally import Tally, Tell
from transhume.steps import manifest, postfix
from transhume.steps.configuration import FILES, Configuration, expanded
from transhume.steps.tree_proof import Excuse, prove_trees
from transhume.steps.written import written


@dataclass(frozen=True)
class ConfigurationProof:
    """`intended` gives what files must hold that rightly differ from the source's, by path."""

    configuration: Configuration
    intended: Callable[[Pair], Mapping[str, bytes]]

    def prove(self, pair: Pair, opened: float, excuse: Excuse, tell: Tell) -> Iterator[Proof]:
        """Each folder, then single files, then what differs on purpose, each of it noted."""
        folders, files = self.configuration.present(pair)
        adapted = {**postfix.adapted(pair), **self.intended(pair)}
        trees = [self._tree(folder, tuple(adapted)) for folder in folders]
        yield from prove_trees(pair, trees, tell, excuse)
        alone = tuple(path.lstrip("/") for path in files if path not in adapted)
        single = [manifest.Tree("/", contents="bytes", only=alone)] if alone else []
        for proof in prove_trees(pair, single, lambda _, said: tell(FILES, said), excuse):
            yield replace(proof, part=FILES)
        yield self._on_purpose(pair, adapted, opened, tell)

    def _tree(self, folder: str, apart: tuple[str, ...]) -> manifest.Tree:
        inside = tuple(path.removeprefix(folder) for path in apart if path.startswith(f"{folder}/"))
        own = self.configuration.kept_in(folder)
        return manifest.Tree(folder, exclude=(*own, *inside), contents="bytes")

    def _on_purpose(
        self, pair: Pair, adapted: Mapping[str, bytes], opened: float, tell: Tell
    ) -> Proof:
        tally = Tally("adapted files", "files", tell)
        for path, wanted in adapted.items():
            if pair.source.file(path) != wanted:
                tally.note(f"{path}: differs from the source's on purpose")
            if pair.target.file(path) == wanted:
                tally.equal()
            elif written(pair.target, path) >= opened:
                tally.excused()
            else:
                tally.differs(f"{path}: not what it was made on purpose")
        for path in expanded(pair.target, self.configuration.own, "f"):
            tally.note(f"{path}: the target keeps its own")
        return tally.proof()
