"""A database of two real servers, of which the target's follows the source's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers import Server
from transhume.core.host import Pair
from transhume.steps.replication import scripts
from transhume.steps.replication.survey import PUBLICATION


def of(host: object) -> Server:
    """The machine as what it is here."""
    assert isinstance(host, Server)
    return host


@contextmanager
def subscribed(pair: Pair, name: str) -> Iterator[str]:
    """Gives the slot's name; there is one table, and it is empty."""
    source, target = of(pair.source), of(pair.target)
    for host in (source, target):
        host.run("postgres", f"create database {name}")
        host.run(name, "create table plain (id int primary key)")
    ((slot,),) = source.sql(
        "postgres", "select 'transhume_' || oid from pg_database where datname = %s", name
    )
    source.run(name, f"create publication {PUBLICATION} for table plain")
    source.run(name, f"select pg_create_logical_replication_slot('{slot}', 'pgoutput')")
    target.run(name, scripts.subscribed(slot, f"host={source.folder} user=bj dbname={name}"))
    yield slot
    for words in ("disable", "set (slot_name = none)"):
        target.run(name, f"alter subscription {slot} {words}")
    target.run(name, f"drop subscription {slot}")
    source.run("postgres", scripts.dropped(slot))
    for host in (source, target):
        host.run("postgres", f"drop database {name} with (force)")
