"""Names of time zones, tried on a real server as the domain of the databases tries them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from tests.servers import PROGRAM, Server
from transhume.core.host import Pair
from transhume.steps.requirements.postgres import time_zones

pytestmark = pytest.mark.programs(PROGRAM)

_TAKEN = ("Europe/Paris", "europe/paris", "CEST", "EST5EDT,M3.2.0,M11.1.0", "<+05>-5")
_REFUSED = ("Moon/Tycho", "x'); drop table event; --", "x\\'; drop table event; --", "")


@pytest.fixture
def zoned(two_servers: Pair) -> Iterator[Server]:
    """A source whose own tzdata takes everything, and a table that is to stay."""
    source = cast("Server", two_servers.source)
    source.run("postgres", "create database zoned")
    source.run("zoned", "create domain timezone as text; create table event (zone timezone)")
    target = cast("Server", two_servers.target)
    target.run("postgres", "create table event ()")
    target.said["which"] = "/usr/bin/apt\n"
    yield source
    source.run("postgres", "drop database zoned")
    target.run("postgres", "drop table event")


def _found(pair: Pair, source: Server, names: tuple[str, ...]) -> list[str]:
    with source.connect("zoned") as connection:
        connection.cursor().executemany("insert into event values (%s)", [(n,) for n in names])
    return [item.seen for item in time_zones(("zoned",), "timezone")(pair)]


def test_whatever_the_domain_takes_is_known(two_servers: Pair, zoned: Server) -> None:
    assert _found(two_servers, zoned, _TAKEN) == []


def test_what_it_refuses_is_named_and_runs_nothing(two_servers: Pair, zoned: Server) -> None:
    (seen,) = _found(two_servers, zoned, (*_TAKEN, *_REFUSED))
    assert seen.startswith("4 names used by 4 rows aren't known here: , Moon/Tycho")
    assert two_servers.target.sql("postgres", "select count(*) from event") == [(0,)]
