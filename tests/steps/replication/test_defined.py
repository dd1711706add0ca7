"""A real server's word for its definitions: another one with each of them, with nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import PROGRAM, Server
from transhume.core.host import Pair
from transhume.steps.replication.defined import definitions

pytestmark = pytest.mark.programs(PROGRAM)

_EAGER = ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size")


@pytest.fixture
def source(two_servers: Pair) -> Iterator[Server]:
    host = two_servers.source
    assert isinstance(host, Server)
    yield host
    host.run("postgres", "drop table if exists made")
    host.run("postgres", "alter database postgres reset all")


def test_it_is_the_same_however_many_workers_count(source: Server) -> None:
    """Another word has every definition compared, for a second in which people wait."""
    for setting in _EAGER:
        source.run("postgres", f"alter database postgres set {setting} = 0")
    seen = set()
    for workers in (0, 1, 2, 4):
        setting = "max_parallel_workers_per_gather"
        source.run("postgres", f"alter database postgres set {setting} = {workers}")
        seen |= {definitions(source, "postgres") for _ in range(5)}
    assert len(seen) == 1


@pytest.mark.parametrize(
    "altering",
    [
        "create index on made (id)",
        "alter table made add note text",
        "alter table made replica identity full",
        "drop table made",
    ],
)
def test_it_is_another_one_with_each_definition(source: Server, altering: str) -> None:
    source.run("postgres", "create table made (id int)")
    before = definitions(source, "postgres")
    source.run("postgres", "insert into made (id) select generate_series(1, 1000)")
    source.run("postgres", "vacuum analyze made")
    assert definitions(source, "postgres") == before
    source.run("postgres", altering)
    assert definitions(source, "postgres") != before
