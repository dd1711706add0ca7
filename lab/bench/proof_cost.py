"""What proving a database costs: whole, against count(*), and at the end when 200 rows changed.

python -m lab.bench.proof_cost PAIR --rows 50000 300000 1000000
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg

from lab.machine import Machine
from lab.pair import Pair
from transhume.core.host import Snapshot
from transhume.errors import StepFailed, TranshumeError
from transhume.hosts import snapshot
from transhume.steps.changed import compared
from transhume.steps.replication.proof_slot import Slot
from transhume.steps.rows import read_both
from transhume.steps.schema import compared as schema_compared
from transhume.steps.tables import tables

_NAME = "proof_cost"
_CHANGED = 200
_TIMES = 3
# As t_message_body is filled: most of a row is JSON.
_MADE = """
create table body (
    guid bytea primary key, subject text, structure jsonb, size int, created timestamp);
insert into body select decode(md5(i::text), 'hex'), 'subject ' || i,
    jsonb_build_object('parts', repeat(md5(i::text), 16)), i,
    timestamp '2026-01-01' + i * interval '1 s'
    from generate_series(1, {rows}) i;
create index on body (created, guid);
create table record (item_id bigint, subtree_id int, flags int, guid bytea,
    primary key (subtree_id, item_id)) partition by hash (subtree_id);
do $$ begin for i in 0..31 loop execute format('create table record_%s partition of record '
    'for values with (modulus 32, remainder %s)', i, i); end loop; end $$;
insert into record select i, i % 100, 0, decode(md5(i::text), 'hex')
    from generate_series(1, {rows}) i;
checkpoint;
"""
_CHANGE = f"update body set subject = subject || '!' where size <= {_CHANGED // 2}; " + (
    f"update record set flags = flags + 1 where item_id <= {_CHANGED // 2}"
)
_SLOT = "select pg_create_logical_replication_slot('proof_cost', 'pgoutput')"
_NO_SLOT = (
    "select pg_drop_replication_slot(slot_name) from pg_replication_slots "
    "where slot_name = 'proof_cost'"
)
_ALLOW = """
for f in /etc/postgresql/*/main/pg_hba.conf; do
    grep -qx "$1" $f || sed -i "1i $1" $f
done
systemctl start postgresql
level="alter system set wal_level = logical"
runuser -u postgres -- psql -q -c "$level" -c "alter system set max_wal_senders = 10"
systemctl restart 'postgresql@*'
until pg_isready -q; do sleep 0.2; done
"""


@dataclass(frozen=True)
class Server:
    """A machine's PostgreSQL, over its socket."""

    machine: Machine

    def allow(self) -> None:
        """Let root of the machine outside in, and decode its log: it is a server of the lab."""
        self.machine.exec(("sh", "-c", _ALLOW, "sh", "local all all trust"))

    def connect(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        folder = f"{self.machine.root}/run/postgresql"
        return psycopg.connect(host=folder, user="bj", dbname=database, autocommit=True)

    def run(self, database: str, script: str) -> None:
        with self.connect(database) as connection:
            connection.execute(script.encode())

    def sql(self, database: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self.connect(database) as connection:
            return connection.execute(query.encode(), values or None).fetchall()

    def snapshot(self, database: str, jobs: int) -> AbstractContextManager[snapshot.Snapshot]:
        return snapshot.opened(lambda: self.connect(database), jobs, _told)


def _told(error: psycopg.Error) -> TranshumeError:
    return StepFailed(str(error))


@contextmanager
def _filled(servers: tuple[Server, Server], rows: int) -> Iterator[Slot]:
    """The same rows on both, and a slot from there on; gone afterwards."""
    source, _ = servers
    try:
        for server in servers:
            server.run("postgres", f"drop database if exists {_NAME} with (force)")
            server.run("postgres", f"create database {_NAME} template template0")
            server.run(_NAME, _MADE.format(rows=rows))
        source.run(_NAME, "create publication everything for all tables")
        source.run(_NAME, _SLOT)
        yield Slot(source, _NAME, "proof_cost", "proof_cost", "everything")  # type: ignore[arg-type]
    finally:
        source.run("postgres", _NO_SLOT)
        for server in servers:
            server.run("postgres", f"drop database if exists {_NAME} with (force)")


def _seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(_TIMES):
        began = time.monotonic()
        work()
        taken.append(time.monotonic() - began)
    return round(statistics.median(taken), 3)


@contextmanager
def _sides(servers: tuple[Server, Server], name: str) -> Iterator[tuple[Snapshot, Snapshot]]:
    with servers[0].snapshot(name, 2) as there, servers[1].snapshot(name, 2) as here:
        yield there, here


def _whole(servers: tuple[Server, Server], name: str) -> None:
    with _sides(servers, name) as sides:
        known = tables(sides[0]), tables(sides[1])
        theirs, ours = read_both(sides, known, lambda done, whole: None)
        assert theirs == ours, "the two aren't equal"


def _schema(servers: tuple[Server, Server], name: str) -> None:
    with _sides(servers, name) as sides:
        assert not schema_compared(sides).differing, "the two schemas aren't equal"


def _count(server: Server, name: str) -> None:
    with server.snapshot(name, 1) as one:
        for table in tables(one).values():
            one.read(f'select count(*) from "{table.name[0]}"."{table.name[1]}"')


def _end(servers: tuple[Server, Server], slot: Slot) -> None:
    with _sides(servers, _NAME) as sides:
        found = compared(sides, slot.touched(sides[0], None))
        assert (found.rows, found.differing) == (_CHANGED, ()), "the changes aren't equal"


def measured(servers: tuple[Server, Server], rows: int) -> dict[str, float]:
    """Seconds, medians of three: each with both servers on this machine's cores."""
    with _filled(servers, rows) as slot:
        whole = _seconds(lambda: _whole(servers, _NAME))
        counts = [_seconds(partial(_count, server, _NAME)) for server in servers]
        for server in servers:
            server.run(_NAME, _CHANGE)
        end = _seconds(lambda: _end(servers, slot))
    return {"rows": 2 * rows, "whole": whole, "count": sum(counts), "end": end}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pair")
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000, 300_000, 1_000_000])
    wanted = parser.parse_args()
    pair = Pair.open(wanted.pair)
    servers = Server(pair.source), Server(pair.target)
    for server in servers:
        server.allow()
    results: dict[str, Any] = {"sizes": [measured(servers, rows) for rows in wanted.rows]}
    results["schema"] = _seconds(lambda: _schema(servers, "bj-data"))
    results["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    sys.stdout.write(f"{json.dumps(results, indent=1)}\n")


if __name__ == "__main__":
    main()
