"""The end of following: all taken while nobody writes, and what replication leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from psycopg import sql

from transhume.core.at_once import at_once
from transhume.core.change import Act, Change, Keep, Run, Series, Together, psql
from transhume.core.finding import Finding, Proof, stopping
from transhume.core.host import Host, Pair
from transhume.core.measured import Expected, Measured
from transhume.core.step import Step
from transhume.steps.replication import on_source, scripts, tunnel
from transhume.steps.replication.defined import altered
from transhume.steps.replication.following import Following
from transhume.steps.replication.hot_proof import Ledger, prove_end
from transhume.steps.replication.record import Record
from transhume.steps.replication.standing import Standing, standing, wrong
from transhume.steps.replication.survey import server

_PATIENCE = 30
_TAKING = """
select d.datname, s.subname from pg_subscription s join pg_database d on d.oid = s.subdbid
where s.subenabled and s.subname like 'transhume\\_%' order by 1, 2
"""
_SEQUENCES = """
select schemaname, sequencename from pg_sequences where schemaname <> 'repack' order by 1, 2
"""


@dataclass(frozen=True)
class Ready(Step):
    """Every database that follows has caught up, or is dumped after all."""

    following: Following
    key = "databases-ready"
    title = "see that the databases have caught up"
    why = "Whoever is far behind now would be waited for while people are shut out."
    phase = "cutover"
    touches = frozenset({"source", "target"})
    repeats = True

    def run(self, pair: Pair) -> Iterator[Change]:
        names = self.following.followed(pair)
        if not names:
            return
        # By the way that ssh takes now: the source is about to give its address away.
        yield from tunnel.opened(pair, server(pair.source).port, anew=True)
        acts = tuple(self._awaited(standing(pair, name)) for name in names)
        yield Change("catch up with the databases", Together(acts), Keep("nothing was altered"))

    def _awaited(self, now: Standing) -> Run:
        where, patience = self.following, _PATIENCE
        return scripts.catch_up(where, now.slot, now.position, strict=False, patience=patience)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        for name in self.following.followed(pair):
            why = wrong(
                pair, name, standing(pair, name), self.following.shelf.get(pair.target, name)
            )
            if why:
                yield Finding(
                    "not-following",
                    "blocks",
                    "both",
                    f"{name} doesn't follow any more: {why}",
                    "While people wait it would have to be dumped.",
                    'the next sync or cutover copies it again; or [databases] strategy = "dump"',
                )


@dataclass(frozen=True)
class _End:
    """What one database still needs: acts, and before them what the source is asked to wait for."""

    acts: tuple[Act, ...] = ()
    waited: str = ""


@dataclass(frozen=True)
class FinishDatabases(Step):
    """The databases that follow hold what the source held when it was stopped."""

    following: Following
    ledger: Ledger
    returning: bool = False
    """Whether the databases are followed the other way from here on: identities stay for that."""
    key = "finish-databases"
    title = "finish the databases that follow"
    why = "Nobody writes any more: the last changes, the sequences; then nothing more is taken."
    phase = "cutover"
    account = "databases"
    usual = (0.5, 3.0)
    rows = (13, 16)
    touches = frozenset({"source", "target"})
    settled_by = "start"

    def run(self, pair: Pair) -> Iterator[Change]:
        shelf = self.following.shelf
        known = {name: shelf.get(pair.target, name) for name in self.following.followed(pair)}
        there = [(name, record) for name, record in known.items() if record]
        ends = at_once([partial(self._end, pair, *each) for each in there])
        left = {name: end for (name, _), end in zip(there, ends, strict=True) if end.acts}
        if left:
            backs = Series(tuple(shelf.back(name, known[name]) for name in left))
            yield Change(f"finish {', '.join(left)}", self._ended(left.values()), backs)

    def _ended(self, left: Iterable[_End]) -> Act:
        """Wait for all at once: ssh serves few commands at the same time (MaxSessions)."""
        every = Together(tuple(Series(end.acts) for end in left))
        waited = "".join(end.waited for end in left)
        if not waited:
            return every
        return Series((on_source.script(self.following.ini, "postgres", waited), every))

    def _end(self, pair: Pair, name: str, known: Record) -> _End:
        """What is still to do for one; what can't come to its end is dumped."""
        now, shelf = standing(pair, name), self.following.shelf
        apart = scripts.abandon(self.following, name, now.slot, known.identities)
        dumped = _End((apart, shelf.put(name, Record("dump"))))
        if known.position:
            # Made before: nothing is to do, unless it isn't the source's any more.
            return dumped if stopping(self._come_to_end(pair, name, known)) else _End()
        chosen = self.following.strategy == "dump"
        if chosen or now.trouble or altered(pair, name, known):
            return dumped
        noted = shelf.put(name, replace(known, position=now.position))
        waited = scripts.reached(now.slot, now.position, strict=True, patience=_PATIENCE)
        return _End((self._rest(pair, name, known), noted), waited)

    def _rest(self, pair: Pair, name: str, known: Record) -> Act:
        formers = () if self.returning else known.identities
        rest = sequences(pair.source, name) + "".join(each.sql() for each in formers)
        flush = "select pg_logical_emit_message(true, 'transhume', 'finished');\n"
        text = f"begin;\n{scripts.DISABLE}{rest}commit;\n{flush}"
        return psql(name, text)

    def expects(self, known: Measured) -> Expected:
        copier = self.following.copier
        rest = known.rest((*copier.names, *copier.optional))
        usual = super().expects(known)
        return replace(
            usual, seconds=usual.seconds + rest, low=usual.low + rest, high=usual.high + rest
        )

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        for name, _ in pair.target.sql("postgres", _TAKING):
            seen = f"{name} still takes what is changed on the source"
            yield Finding("still-following", "blocks", "target", seen, self.why)
        names = self.following.followed(pair)
        for seen_of in at_once([partial(self._proved, pair, name) for name in names]):
            yield from seen_of

    def _proved(self, pair: Pair, name: str) -> list[Finding | Proof]:
        known = self.following.shelf.get(pair.target, name)
        if known is None or not known.position:
            seen = f"{name} neither follows to its end nor is it dumped"
            return [Finding("not-finished", "blocks", "target", seen)]
        return [*self._come_to_end(pair, name, known)]

    def _come_to_end(self, pair: Pair, name: str, known: Record) -> Iterator[Finding | Proof]:
        # The source may have been started since: of a table that was made then no row tells.
        other = altered(pair, name, known)
        if other:
            seen = f"{other} of {name} isn't on the target as it is on the source"
            yield Finding("not-finished", "blocks", "target", seen)
            return
        yield from prove_end(pair, name, self.ledger)


def sequences(source: Host, name: str) -> str:
    """SQL that sets each sequence to exactly what the source's stands at."""
    listed = source.sql(name, _SEQUENCES)
    if not listed:
        return ""
    parts = [
        sql.SQL("select {}, last_value, is_called from {}").format(
            sql.Literal(sql.Identifier(*row).as_string()), sql.Identifier(*row)
        )
        for row in listed
    ]
    held = source.sql(name, sql.SQL(" union all ").join(parts).as_string())
    values = sql.SQL(", ").join(
        sql.SQL("({}, {}, {})").format(*(sql.Literal(value) for value in row)) for row in held
    )
    return (
        sql.SQL("select setval(n::regclass, v, c) from (values {}) s (n, v, c) \\g /dev/null\n")
        .format(values)
        .as_string()
    )
