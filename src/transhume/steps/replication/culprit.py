"""Which table holds the row that the target couldn't apply: its server's log alone tells."""

from __future__ import annotations

import re

from transhume.core.host import Host

_LAST = "200000"
"""Bytes at the log's end that are looked at."""
# src/backend/replication/logical/worker.c, apply_error_callback
_CONTEXT = re.compile(
    r'replication origin "pg_(\d+)" during message type "\w+" '
    r'for replication target relation "([^"]+)"'
)
# Debian's pg_ctlcluster writes to a file that is named after the cluster, which is the server's
# cluster_name there.
_LOG = """
select '/var/log/postgresql/postgresql-' || replace(current_setting('cluster_name'), '/', '-')
    || '.log', s.oid::text
from pg_subscription s join pg_database d on d.oid = s.subdbid where d.datname = %s
"""


def culprit(target: Host, name: str) -> str:
    """The table; empty where the log can't be read, or says nothing of this database."""
    for path, number in target.sql("postgres", _LOG, name):
        told = target.ask("tail", "-c", _LAST, path)
        tables = [table for origin, table in _CONTEXT.findall(told.text) if origin == number]
        if told.status == 0 and tables:
            return str(tables[-1])
    return ""
