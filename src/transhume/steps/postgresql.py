"""Start PostgreSQL on a machine whose other services are stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from transhume.core.change import Await, Change, Keep, Run
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.step import Phase, Step

_UNIT = "postgresql.service"
_SOCKET = "/run/postgresql/.s.PGSQL.5432"


@dataclass(frozen=True)
class StartPostgres(Step):
    """The target's server runs, alone, before it is needed."""

    key = "target-postgresql"
    title = "start PostgreSQL on the target"
    why = "It stops with the other services, and the copy is restored into it."
    phase = "prepare"
    rows = (16,)

    def run(self, pair: Pair) -> Iterator[Change]:
        yield from _start(pair.target, Keep("an idle server with a copy does no harm"))

    def verify(self, pair: Pair) -> Iterator[Finding]:
        pair.target.sql("postgres", "select 1")
        return iter(())


@dataclass(frozen=True)
class StartSourcePostgres(Step):
    """The source's server runs while everything else there is stopped."""

    key = "source-postgresql"
    title = "start PostgreSQL on the source"
    why = "It stops with the other services, and the dump is taken from it."
    phase: ClassVar[Phase] = "cutover"
    account = "databases"
    usual = (1.0, 4.0)
    rows = (12,)
    touches = frozenset({"source"})

    def run(self, pair: Pair) -> Iterator[Change]:
        yield from _start(pair.source, Keep("the source's services need it as well"))

    def verify(self, pair: Pair) -> Iterator[Finding]:
        pair.source.sql("postgres", "select 1")
        return iter(())


def _start(host: Host, back: Keep) -> Iterator[Change]:
    active = host.ask("systemctl", "is-active", "--quiet", _UNIT).status == 0
    if active and host.ask("test", "-S", _SOCKET).status == 0:
        return
    if not active:
        yield Change("start PostgreSQL", Run(host.place, ("systemctl", "start", _UNIT)), back)
    # Debian's postgresql.service is an umbrella: it is active before the server answers.
    ready = ("sh", "-c", f"pg_isready -q || test -S {_SOCKET}")
    yield Change("wait until it answers", Await(host.place, ready, 60), back)
