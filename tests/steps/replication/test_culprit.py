"""The table that stops a database from following is named by the server's own log."""

from __future__ import annotations

from tests.fakes import FakeHost
from tests.steps.replication.servers import following, pair, source, target
from transhume.core.change import SeedDatabase, leaves
from transhume.steps.replication.culprit import culprit
from transhume.steps.replication.follow import Follow

_LOG = """\
ERROR:  duplicate key value violates unique constraint "realm_name_key"
CONTEXT:  processing remote data for replication origin "pg_7" during message type "INSERT" \
for replication target relation "public.realm" in transaction 9, finished at 0/10
CONTEXT:  processing remote data for replication origin "pg_8" during message type "UPDATE" \
for replication target relation "public.other" in transaction 9, finished at 0/10
"""
_PATH = "/var/log/postgresql/postgresql-17-main.log"


def _host(log: str | int) -> FakeHost:
    return FakeHost("target", said={"tail": log}, held={"cluster_name": [(_PATH, "7")]})


def test_it_is_the_last_one_of_this_database() -> None:
    assert culprit(_host(_LOG), "keycloak") == "public.realm"


def test_a_log_that_says_nothing_leaves_it_open() -> None:
    assert culprit(_host(""), "keycloak") == ""
    assert culprit(_host(1), "keycloak") == ""


def test_the_copy_that_is_made_again_says_why() -> None:
    both = pair()
    target(both).held["replace(current_setting('cluster_name'"] = [(_PATH, "7")]
    target(both).said["tail"] = _LOG
    slot = {"restart_lsn": "0/10", "active": False, "wal_status": "reserved"}
    source(both).held["to_jsonb(s)"] = [(slot, "0/20", 16, None, True)]
    (copy,) = [
        change
        for change in Follow(following()).run(both)
        if any(isinstance(act, SeedDatabase) for act in leaves(change.act))
    ]
    assert "a row of public.realm can't be applied" in copy.title
