"""One connection serves many queries, each of which sees the present; a lost one is replaced."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.servers import PROGRAM, Server, servers
from transhume.core.change import Place
from transhume.hosts.kept import Kept
from transhume.hosts.snapshot import Connection

pytestmark = pytest.mark.programs(PROGRAM)
ME = "select pg_backend_pid()"


class Door:
    """Lets in to one server, and counts how often."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.entered = 0

    def __call__(self, place: Place, database: str) -> Connection:
        self.entered += 1
        return self.server.connect(database)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of this file's own."""
    with servers(Path(tempfile.mkdtemp(prefix="pg-"))) as pair:
        assert isinstance(pair.target, Server)
        yield pair.target


@pytest.fixture
def door(server: Server) -> Door:
    """The way in."""
    return Door(server)


@pytest.fixture
def kept(door: Door) -> Iterator[Kept]:
    """What is tested; nobody is logged in afterwards."""
    known = Kept(door)
    yield known
    known.close("target")


def _one(kept: Kept, query: str, database: str = "postgres", *values: object) -> Any:
    ((value,),) = kept.rows("target", database, query, values)
    return value


def test_queries_share_a_connection(kept: Kept, door: Door) -> None:
    assert _one(kept, ME) == _one(kept, "select pg_backend_pid() + %s", "postgres", 0)
    assert door.entered == 1


def test_each_query_sees_the_present(kept: Kept, server: Server) -> None:
    seen = []
    for name in ("one", "two"):
        seen.append(_one(kept, "select count(*) from pg_class where relname in ('one', 'two')"))
        server.run("postgres", f"create table {name} (a int)")
    seen.append(_one(kept, "select count(*) from pg_class where relname in ('one', 'two')"))
    server.run("postgres", "drop table one, two")
    assert seen == [0, 1, 2]
    idle = "select state from pg_stat_activity where pid = %s"
    assert server.sql("postgres", idle, _one(kept, ME)) == [("idle",)]


def test_a_connection_that_was_ended_is_replaced(kept: Kept, server: Server, door: Door) -> None:
    """A server that was restarted meanwhile is no error."""
    former = _one(kept, ME)
    server.run("postgres", f"select pg_terminate_backend({former})")
    assert _one(kept, ME) != former
    assert door.entered == 2


def test_an_error_of_the_query_is_told(kept: Kept, door: Door) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        kept.rows("target", "postgres", "select 1 from nothing", ())
    assert _one(kept, "select 1") == 1


def test_a_lock_is_waited_for_once(kept: Kept, server: Server, door: Door) -> None:
    server.run("postgres", "create table held (a int)")
    _one(kept, "select 1 from set_config('lock_timeout', '50ms', false)")
    with server.connect("postgres") as holder, holder.transaction():
        holder.execute("lock table held")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            kept.rows("target", "postgres", "select * from held", ())
    server.run("postgres", "drop table held")
    assert door.entered == 1


def test_many_may_ask_at_once(kept: Kept, door: Door) -> None:
    def ask(number: int) -> Any:
        return _one(kept, "select pg_sleep(0.01) is not null and %s >= 0", "postgres", number)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(20)))
    assert 1 <= door.entered <= 4


def test_what_nobody_is_logged_in_to_can_be_dropped(kept: Kept, server: Server) -> None:
    server.run("postgres", "create database gone")
    assert _one(kept, "select 1", "gone") == 1
    kept.close("target")
    server.run("postgres", "drop database gone with (force)")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        kept.rows("target", "gone", "select 1", ())


def test_a_database_that_was_made_anew_is_read_anew(kept: Kept, server: Server) -> None:
    server.run("postgres", "create database anew")
    server.run("anew", "create table old (a int)")
    count = "select count(*) from pg_class where oid >= 16384"
    assert _one(kept, count, "anew") == 1
    server.run("postgres", "drop database anew with (force)")
    server.run("postgres", "create database anew")
    assert _one(kept, count, "anew") == 0
