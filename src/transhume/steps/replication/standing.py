"""How it stands with a database that follows: how far behind, and what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from transhume.core.host import Host, Pair
from transhume.errors import StepFailed
from transhume.steps.replication.culprit import culprit
from transhume.steps.replication.defined import altered
from transhume.steps.replication.record import Record
from transhume.steps.replication.survey import PUBLICATION

_OWN = re.compile(r"transhume_[0-9]+")
_SLOT_NAME = "select 'transhume_' || oid from pg_database where datname = %s"
# As JSON, for older servers know less of a slot.
_SLOT = f"""
select to_jsonb(s), pg_current_wal_lsn()::text,
    pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn)::bigint,
    (select extract(epoch from r.replay_lag)::float from pg_stat_replication r
        where r.pid = s.active_pid),
    exists (select from pg_publication where pubname = '{PUBLICATION}')
from (select) one left join pg_replication_slots s on s.slot_name = %s
"""
_SUBSCRIPTION = """
select s.subname, s.subenabled from pg_subscription s join pg_database d on d.oid = s.subdbid
where d.datname = %s and s.subname like 'transhume\\_%%'
"""


@dataclass(frozen=True)
class Standing:
    """One database: its slot's name, bytes of log it is behind, seconds, and what is wrong.

    `trouble` is empty while it follows. `begun` says that something of it is there at all.
    """

    slot: str
    position: str
    behind: int
    seconds: float | None
    active: bool
    begun: bool
    trouble: str


def slot_name(source: Host, database: str) -> str:
    """The slot's name: of the database's number, for its name may be longer than a slot's."""
    name = str(source.sql("postgres", _SLOT_NAME, database)[0][0])
    if not _OWN.fullmatch(name):
        raise StepFailed(f"the source can't tell the number of its database {database}: {name!r}")
    return name


def standing(pair: Pair, name: str) -> Standing:
    """What both servers say about it."""
    slot = slot_name(pair.source, name)
    held, position, behind, seconds, published = pair.source.sql(name, _SLOT, slot)[0]
    subscribed = pair.target.sql("postgres", _SUBSCRIPTION, name)
    names = [subscription for subscription, _ in subscribed]
    lost = held is not None and (
        held.get("wal_status") in ("unreserved", "lost") or not held.get("restart_lsn")
    )
    troubles = {
        "it doesn't follow yet": held is None and not subscribed,
        "its copy was never whole": slot not in names,
        "its slot on the source is gone": held is None,
        "the source removed the log that it needed": lost,
        "its publication on the source is gone": not published,
        "its subscription was disabled": not all(enabled for _, enabled in subscribed),
    }
    trouble = next((text for text, holds in troubles.items() if holds), "")
    return Standing(
        slot=slot,
        position=str(position),
        behind=int(behind or 0),
        seconds=seconds,
        active=bool(held and held.get("active")),
        begun=bool(held or subscribed or published),
        trouble=trouble,
    )


def wrong(pair: Pair, name: str, now: Standing, known: Record | None) -> str:
    """Why it doesn't follow as it should; empty when it does."""
    if now.trouble:
        return now.trouble
    if now.behind and not now.active:
        table = culprit(pair.target, name)
        return f"a row of {table} can't be applied" if table else "the target takes nothing more"
    if known is None:
        return "nothing is known of its copy"
    changed = altered(pair, name, known)
    return f"{changed} was altered on the source" if changed else ""
