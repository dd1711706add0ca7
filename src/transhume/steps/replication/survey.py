"""Which databases can follow, and what keeps the others from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from transhume.core.host import Host, Pair
from transhume.steps.replication.identity import INCOMPARABLE

PUBLICATION = "transhume"
_OLDEST = 11
"""From PostgreSQL 11 on TRUNCATE is replicated (release notes of 11, E.24.3.5)."""
BOUNDED = 13
"""From PostgreSQL 13 on max_slot_wal_keep_size bounds what a slot keeps."""
MIB = 1024 * 1024
LEAST_ROOM = 256 * MIB
"""Bytes free on the source's disk under which nothing is followed."""

# The file is read as it lies there: who put it back needn't have had the server read it.
_LESSENED = """
select from pg_settings now, lateral (select coalesce(
    (select f.setting from pg_file_settings f where lower(f.name) = now.name
        order by f.seqno desc limit 1), now.boot_val) as value) coming
where now.source <> 'command line' and case
    when now.name = 'wal_level' then now.setting = 'logical' and lower(value) <> 'logical'
    when now.name in ('max_wal_senders', 'max_replication_slots')
        then now.setting::int > substring(value from '^[0-9]+$')::int end
"""
_SOURCE = f"""
select current_setting('server_version_num')::int / 10000, current_setting('wal_level'),
    current_setting('max_wal_senders')::int, current_setting('max_replication_slots')::int,
    (select count(*) from pg_stat_replication where application_name not like 'transhume\\_%'),
    (select count(*) from pg_replication_slots where slot_name not like 'transhume\\_%'),
    (select rolsuper from pg_roles where rolname = current_user), pg_is_in_recovery(),
    (select coalesce(string_agg(name, ', '), '') from pg_settings where source = 'command line'
        and name in ('wal_level', 'max_wal_senders', 'max_replication_slots')),
    current_setting('data_directory'), current_setting('port')::int, current_user::text,
    coalesce(current_setting('max_slot_wal_keep_size', true), '') not in ('', '-1'),
    not exists ({_LESSENED})
"""
_TARGET = """
select least(current_setting('max_logical_replication_workers')::int,
             current_setting('max_worker_processes')::int,
             current_setting('max_replication_slots')::int)
    - (select count(*) from pg_subscription where subname not like 'transhume\\_%')::int,
    (select rolsuper from pg_roles where rolname = current_user)
"""
_OBSTACLES = f"""
select 'it holds large objects, which replication leaves out'
    where exists (select from pg_largeobject_metadata)
union all select 'it has a publication or a subscription of its own'
    where exists (select from pg_publication where pubname <> '{PUBLICATION}')
       or exists (select from pg_subscription s join pg_database d on d.oid = s.subdbid
                  where d.datname = current_database())
union all select format('%s is %s', c.oid::regclass, case
        when c.relkind = 'm' then 'a materialized view, which replication doesn''t refresh'
        when c.relkind = 'f' then 'a foreign table'
        when c.relpersistence = 'u' then 'unlogged: its changes aren''t in the log'
        else 'under row security, which stops replication' end)
    from pg_class c where c.oid >= 16384 and (c.relkind in ('m', 'f')
        or c.relkind = 'r' and (c.relpersistence = 'u' or c.relrowsecurity))
union all select format('the trigger %I of %s fires on replicated rows as well', tgname,
        tgrelid::regclass)
    from pg_trigger where not tgisinternal and tgenabled in ('A', 'R')
limit 1
"""


@dataclass(frozen=True)
class Server:
    """What matters of the source's PostgreSQL; `room` is the free bytes where its log lies.

    `lasting` says that it would have no less for followers after a restart than it has now.
    """

    major: int
    wal_level: str
    senders: int
    slots: int
    others_senders: int
    others_slots: int
    superuser: bool
    standby: bool
    fixed: str
    data: str
    port: int
    user: str
    bounded: bool
    lasting: bool = True
    room: int = 0

    @property
    def logical(self) -> bool:
        """Whether its log tells rows, so that others can follow it."""
        return self.wal_level == "logical"

    def enough(self, databases: int) -> bool:
        """Whether so many databases can be followed without another restart."""
        senders, _ = self.needs(databases)
        slots = self.others_slots + databases
        return self.logical and self.senders >= senders and self.slots >= slots

    def provable(self, databases: int) -> bool:
        """The same, and whether they can be proved while people work as well."""
        return self.enough(databases) and self.slots >= self.needs(databases)[1]

    @property
    def within_bounds(self) -> bool:
        """Whether what is kept for a follower is bounded, as far as the server can."""
        return self.bounded or self.major < BOUNDED

    def needs(self, databases: int) -> tuple[int, int]:
        """How many senders and slots: while a copy is taken a database needs two senders, and its
        proof has a slot of its own."""
        return self.others_senders + 2 * databases, self.others_slots + 2 * databases


def server(source: Host) -> Server:
    """What the source's PostgreSQL says of itself."""
    row = source.sql("postgres", _SOURCE)[0]
    return replace(Server(*row), room=room(source, str(row[9])))


def room(source: Host, data: str) -> int:
    """Bytes that are free where the source's write-ahead log lies."""
    printed = source.read("df", "--block-size=1", "--output=avail", f"{data}/pg_wal/")
    return int(printed.split()[-1])


def hindrance(pair: Pair, databases: int, strategy: str) -> str:
    """What keeps every database from following; empty when nothing does."""
    there = server(pair.source)
    workers, superuser = pair.target.sql("postgres", _TARGET)[0]
    hindrances = {
        "the source's server is a standby": there.standby,
        f"the source's PostgreSQL is {there.major}": there.major < _OLDEST,
        f"before PostgreSQL {BOUNDED} nothing bounds the log that is kept for a follower": (
            there.major < BOUNDED and strategy == "auto"
        ),
        "the role isn't a superuser on both servers": not (there.superuser and superuser),
        f"{there.fixed} stands on the server's command line": bool(there.fixed)
        and not there.enough(databases),
        f"the source's disk has {there.room // MIB} MiB free": there.room < LEAST_ROOM,
        f"the target's server has workers for {workers} databases": workers < databases,
        "the source has no psql": pair.source.ask("which", "psql").status != 0,
    }
    return next((text for text, holds in hindrances.items() if holds), "")


def workers(host: Host) -> int:
    """How many databases that machine's server can take the changes of at a time."""
    return int(host.sql("postgres", _TARGET)[0][0])


def obstacle(source: Host, name: str) -> str:
    """What keeps this one database from following; empty when nothing does."""
    for (text,) in source.sql(name, _OBSTACLES):
        return str(text)
    for (table,) in source.sql(name, INCOMPARABLE):
        return f"{table} has no key, and a column that can't be compared"
    return ""
