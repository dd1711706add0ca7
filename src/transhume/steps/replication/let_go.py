"""Nothing ties the databases of the two servers once the target serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from transhume.core.change import Act, Change, Keep, Together
from transhume.core.finding import Finding, Proof
from transhume.core.host import Pair
from transhume.core.step import Step
from transhume.steps.database_proof import opened
from transhume.steps.replication import scripts, tunnel
from transhume.steps.replication.following import Following
from transhume.steps.replication.settings import conf, without, written
from transhume.steps.replication.standing import standing
from transhume.steps.replication.survey import server
from transhume.steps.schema import Shape, compared

_KEEP = Keep("nothing follows any more")


@dataclass(frozen=True)
class LetGo(Step):
    """The source's databases are as they were before they were followed.

    At the end of following the target took no more; nobody has to wait for the rest.
    """

    following: Following
    returning: bool = False
    """Whether the databases are followed the other way: identities stay for that."""
    key = "let-go-databases"
    title = "let go of the source's databases"
    why = "A slot that nobody reads keeps the source's log for ever."
    phase = "after"
    touches = frozenset({"source", "target"})

    def run(self, pair: Pair) -> Iterator[Change]:
        for name in self.following.followed(pair):
            now, known = standing(pair, name), self.following.shelf.get(pair.target, name)
            # Also where only the identities are left: a kill may come at any moment.
            if known and (now.begun or self._identities(pair, name).differing):
                formers = () if self.returning else known.identities
                act = scripts.abandon(self.following, name, now.slot, formers)
                yield Change(f"let go of {name}", act, _KEEP)
        yield from self._closed(pair)

    def _closed(self, pair: Pair) -> Iterator[Change]:
        """The way between the servers is closed, and the source's settings are its own again."""
        there = server(pair.source)
        content = pair.source.file(conf(there)) or b""
        acts: list[Act] = []
        if without(content) != content:
            acts.append(written(pair.source, there, without(content)))
        if tunnel.is_open(pair):
            acts.append(tunnel.stop())
        if acts:
            title = "close the way to the source's PostgreSQL"
            yield Change(title, Together(tuple(acts)), _KEEP)

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        for name in self.following.followed(pair):
            if standing(pair, name).begun:
                seen = f"something still ties {name} to its copy"
                yield Finding("still-tied", "blocks", "source", seen, self.why)
            shape = self._identities(pair, name)
            # Two without any table are equal in just that.
            count = max(1, shape.objects)
            equal = count - len(shape.differing)
            yield Proof(f"{name}: identities", count, equal, "tables", shape.differing)

    def _identities(self, pair: Pair, name: str) -> Shape:
        """By what the rows of each table are told apart on both, compared."""
        with ExitStack() as stack:
            return compared(opened(stack, pair, name).sides, ("identity",))
