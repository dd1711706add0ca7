"""What is set on roles, read from a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from tests.servers import PROGRAM, Server
from transhume.core.host import Pair
from transhume.steps.requirements.roles import members, roles

pytestmark = pytest.mark.programs(PROGRAM)


@pytest.fixture
def given(two_servers: Pair) -> Iterator[Pair]:
    source = cast("Server", two_servers.source)
    source.run("postgres", "create role wiki login createdb")
    source.run("postgres", "grant pg_monitor to wiki")
    source.run("postgres", "create database plain")
    source.run("postgres", "create database kept owner wiki")
    cast("Server", two_servers.target).run("postgres", "create role wiki login")
    yield two_servers
    for name in ("plain", "kept"):
        source.run("postgres", f"drop database {name}")
    for host in (two_servers.source, two_servers.target):
        cast("Server", host).run("postgres", "drop role wiki")


def test_what_no_dump_tells_of_a_role_is_named(given: Pair) -> None:
    (member,) = members(given)
    assert member.seen == "the role wiki belongs to pg_monitor, here it doesn't"
    (role,) = roles(("plain", "kept"))(given)
    assert (role.key, role.seen) == (
        "role-differs",
        "the role wiki may login here, there createdb login",
    )
