"""A real server's word for what it runs with, and for what its next start would bring."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import PROGRAM, Server
from transhume.core.host import Pair
from transhume.steps.replication.survey import server

pytestmark = pytest.mark.programs(PROGRAM)


@pytest.fixture
def source(two_servers: Pair) -> Iterator[Server]:
    """A server whose file may be altered."""
    host = two_servers.source
    assert isinstance(host, Server)
    host.said["df --block-size=1"] = "Avail\n1000000000\n"
    yield host
    host.run("postgres", "alter system reset all")


def test_what_its_file_has_as_well_lasts(source: Server) -> None:
    assert server(source).lasting
    source.run("postgres", "alter system set max_wal_senders = 12")
    assert server(source).lasting


@pytest.mark.parametrize("setting", ["max_wal_senders = 3", "max_replication_slots = 9"])
def test_what_its_file_has_less_of_goes_with_the_next_restart(source: Server, setting: str) -> None:
    source.run("postgres", f"alter system set {setting}")
    assert not server(source).lasting
    source.run("postgres", "select pg_reload_conf()")
    assert not server(source).lasting


def test_what_stands_on_its_command_line_lasts(source: Server) -> None:
    source.run("postgres", "alter system set wal_level = minimal")
    assert server(source).lasting
