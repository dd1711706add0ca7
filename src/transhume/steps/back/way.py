"""What of the target can be carried back to the source, and what hinders it."""

from __future__ import annotations

from dataclasses import dataclass

from transhume.core.host import Pair
from transhume.steps.replication.defined import altered
from transhume.steps.replication.following import Following
from transhume.steps.replication.proof_slot import Slot
from transhume.steps.replication.record import Record
from transhume.steps.replication.standing import slot_name
from transhume.steps.replication.survey import PUBLICATION, workers
from transhume.steps.trees import Tree

# Each database has two slots; which log is kept only servers from 13 on tell.
_KEPT = """
select d.datname from pg_database d join pg_replication_slots s
    on s.slot_name in ('transhume_' || d.oid, 'transhume_' || d.oid || '_proof')
where s.restart_lsn is not null
  and coalesce(to_jsonb(s) ->> 'wal_status', 'reserved') not in ('unreserved', 'lost')
group by 1 having count(*) = 2
"""
_COST = """
select coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0)::bigint
    from pg_replication_slots where slot_name like 'transhume\\_%'
"""


def turned(pair: Pair) -> Pair:
    """The same machines the other way round: what is followed is the target."""
    return Pair(pair.target, pair.source)


@dataclass(frozen=True)
class Way:
    """The trees and databases that are carried. `barred` says why the settings rule that out."""

    following: Following
    trees: tuple[Tree, ...]
    barred: str

    def hindrance(self, pair: Pair) -> str:
        """Why what people do on the target couldn't be carried back; empty when it can be."""
        return self._seen(pair)[0]

    def names(self, pair: Pair) -> tuple[str, ...]:
        """The databases that are carried; none where anything hinders it."""
        hindrance, names = self._seen(pair)
        return () if hindrance else names

    def _seen(self, pair: Pair) -> tuple[str, tuple[str, ...]]:
        if self.barred:
            return self.barred, ()
        moved = dict(self.following.decided(pair))
        dumped = [name for name, how in moved.items() if how == "dump"]
        if dumped:
            return f"{', '.join(dumped)} can't be followed the other way either", ()
        able = workers(pair.source)
        few = f"the source's PostgreSQL has workers for {able} databases"
        return few if able < len(moved) else "", tuple(moved)

    def slot(self, pair: Pair, name: str) -> Slot:
        """The places in the target's log: of what is carried, and of what was proved."""
        own = slot_name(pair.target, name)
        return Slot(pair.target, name, f"{own}_proof", own, PUBLICATION)

    def kept(self, pair: Pair) -> frozenset[str]:
        """The databases of which the target's log holds all since the switch."""
        return frozenset(str(name) for (name,) in pair.target.sql("postgres", _KEPT))

    def cost(self, pair: Pair) -> int:
        """The bytes of log that the target keeps for it."""
        return int(pair.target.sql("postgres", _COST)[0][0])

    def lost(self, pair: Pair) -> str:
        """Why it can't be carried back now; empty when it can."""
        hindrance = self.hindrance(pair)
        if hindrance:
            return hindrance
        kept = self.kept(pair)
        for name in self.following.followed(pair):
            if name not in kept:
                return f"the target doesn't have all of the log since the switch of {name}"
            changed = altered(turned(pair), name, Record("follow"))
            if changed:
                return f"in {name} the definition of {changed} isn't the source's any more"
        return ""
