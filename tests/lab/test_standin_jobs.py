"""The stand-in tells its jobs in the shape of the real core, read from a real database."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from lab.standin.machine import api
from tests.fakes import FakeHost
from tests.servers import PROGRAM, Server, servers
from transhume.profiles.bluemind.checks_nightly import Job, job

pytestmark = pytest.mark.programs(PROGRAM)

_MADE = """
create table t_job_plan (id serial, job_id text, domain_uid text, kind text, cron text,
    next_run timestamp);
create table t_job_execution (id bigserial, job_id text, domain_uid text, started timestamp,
    finished timestamp, status text);
insert into t_job_plan (job_id, domain_uid, kind, cron, next_run) values
    ('DataProtect', 'global.virt', 'SCHEDULED', '0 0 23 * * ?', '2026-11-23 08:10:00');
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with servers(Path(tempfile.mkdtemp(prefix="pg-"))) as pair:
        source = cast("Server", pair.source)
        source.run("postgres", _MADE)
        yield source


def _told(server: Server) -> Job:
    told = api.job("DataProtect", server.sql("postgres", api._JOBS, "DataProtect"))
    return job(FakeHost("source", served={"/api/scheduledjobs/_job/DataProtect": told}))


def test_a_job_is_told_before_its_first_run_while_it_runs_and_after(server: Server) -> None:
    planned = (1795421400.0,)
    assert _told(server) == Job((), planned)
    server.run(
        "postgres",
        "insert into t_job_execution (job_id, domain_uid, started, status) values "
        "('DataProtect', 'global.virt', now() - interval '1 day', 'SUCCESS'), "
        "('DataProtect', 'global.virt', now(), 'IN_PROGRESS')",
    )
    assert _told(server) == Job(("global.virt",), planned)
    server.run("postgres", "update t_job_execution set status = 'FAILURE'")
    assert _told(server) == Job((), planned)
