"""Two servers in memory whose databases can follow, as the profile's plan meets them."""

from __future__ import annotations

import json
from typing import Any, cast

from tests.contract import machines
from tests.fakes import FakeHost
from transhume.core.host import Pair
from transhume.steps.copier import Copier
from transhume.steps.replication.following import Following
from transhume.steps.replication.identity import Identity
from transhume.steps.replication.record import Record, Shelf

FOLDER = "/var/lib/transhume/following"
DATA = "/var/lib/postgresql/13/main"
CONF = f"{DATA}/postgresql.auto.conf"
SERVER = "application_name not like"
SLOT = {"restart_lsn": "0/10", "active": True, "wal_status": "reserved"}
OBSTACLES = "select 'it holds large objects"
SUBSCRIBED = "from pg_subscription s join"
TAKING = "select d.datname, s.subname from pg_subscription"


def server(
    level: str = "minimal",
    major: int = 13,
    senders: int = 0,
    *,
    slots: int = 10,
    bounded: bool = True,
    fixed: str = "",
    lasting: bool = True,
) -> list[tuple[Any, ...]]:
    """What the source's PostgreSQL says of itself."""
    rest = (DATA, 5432, "bj", bounded, lasting)
    return [(major, level, senders, slots, 0, 0, True, False, fixed, *rest)]


def following(strategy: str = "auto", restart: str = "now") -> Following:
    """How two databases follow."""
    copier = Copier(("bj", "bj-data"), (), "/var/lib/transhume/dumps", 2)
    return Following(copier, strategy, restart, "/etc/bm/bm.ini", Shelf(FOLDER))


def pair() -> Pair:
    """Both: bj follows, bj-data doesn't yet; PostgreSQL can be followed."""
    both = machines.servers()
    source(both).held[SERVER] = server("logical", senders=10)
    target(both).held["replace(current_setting('cluster_name'"] = []
    source(both).files[CONF] = b"work_mem = '4MB'\n"
    return both


def source(both: Pair) -> FakeHost:
    """The source as what it is here."""
    return cast(FakeHost, both.source)


def target(both: Pair) -> FakeHost:
    """The target as what it is here."""
    return cast(FakeHost, both.target)


def note(both: Pair, name: str, record: Record) -> None:
    """As if this had been written of the database before."""
    act = Shelf(FOLDER).put(name, record)
    (command,) = act.commands()
    target(both).files[f"{FOLDER}/{name}.json"] = command.input


def noted(content: bytes) -> Record:
    """What was written."""
    fields = json.loads(content)
    fields["identities"] = tuple(Identity(**each) for each in fields["identities"])
    return Record(**fields)
