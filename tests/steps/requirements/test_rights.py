"""What is set on a database itself and on roles, read from a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from tests.servers import PROGRAM, Server
from transhume.core.host import Pair
from transhume.steps.requirements.rights import limits, rights
from transhume.steps.requirements.roles import members, roles

pytestmark = pytest.mark.programs(PROGRAM)


@pytest.fixture
def given(two_servers: Pair) -> Iterator[Pair]:
    source = cast("Server", two_servers.source)
    source.run("postgres", "create role wiki login createdb")
    source.run("postgres", "grant pg_monitor to wiki")
    source.run("postgres", "create database plain")
    source.run("postgres", "create database kept owner wiki connection limit 7")
    source.run("postgres", "grant create on database kept to bj")
    source.run("postgres", "revoke connect on database kept from public")
    cast("Server", two_servers.target).run("postgres", "create role wiki login")
    yield two_servers
    for name in ("plain", "kept"):
        source.run("postgres", f"drop database {name}")
    for host in (two_servers.source, two_servers.target):
        cast("Server", host).run("postgres", "drop role wiki")


def test_what_a_new_database_lacks_is_named_with_what_gives_it_back(given: Pair) -> None:
    names = ("plain", "kept")
    found = [item for look in (limits, rights) for item in look(names)(given)]
    assert [(item.key, item.seen) for item in found] == [
        ("database-limit", "kept takes 7 connections at most"),
        ("database-right", "bj has the right CREATE on kept"),
        ("database-right-taken", "not everybody has the right CONNECT on kept"),
    ]
    assert 'revoke connect on database "kept" from public' in found[2].remedy
    (member,) = members(given)
    assert member.seen == "the role wiki belongs to pg_monitor, here it doesn't"
    (role,) = roles(names)(given)
    assert (role.key, role.seen) == (
        "role-differs",
        "the role wiki may login here, there createdb login",
    )
