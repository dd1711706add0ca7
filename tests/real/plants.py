"""Traps that are planted on a machine all at once, and taken away again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab.machine import Machine
from lab.pair import Pair
from lab.places import Role

_PSQL = "runuser -u postgres -- psql -XAtqv ON_ERROR_STOP=1"


@dataclass(frozen=True)
class Plant:
    """One trap: the finding that must name it, and the commands that plant it and take it away."""

    role: Role
    key: str
    severity: str
    plant: str
    gone: str
    where: Role = "source"

    @property
    def finding(self) -> tuple[str, str, str]:
        """What must be found."""
        return self.key, self.severity, self.where


def _sql(
    key: str, severity: str, database: str, plant: str, gone: str, where: Role = "source"
) -> Plant:
    typed = [f"{_PSQL} {database} <<'END'\n{statement}\nEND" for statement in (plant, gone)]
    return Plant("source", key, severity, typed[0], typed[1], where)


_SQUATTER = (
    "systemd-run --quiet --unit=squatter python3 -m http.server 993 && "
    "until ss -Hltn | grep -q :993; do sleep 0.1; done"
)
PLANTS = (
    _sql(
        *("several-servers", "blocks", "bj"),
        "insert into t_server (item_id, ip, name) values (99, '192.0.2.99', 'edge');",
        "delete from t_server where item_id = 99;",
    ),
    _sql(
        *("archive-kind", "warns", "bj"),
        "update t_systemconf set configuration = configuration || 'archive_kind=>s3';",
        "update t_systemconf set configuration = configuration || 'archive_kind=>cyrus';",
    ),
    _sql(
        *("backup-running", "warns", "bj"),
        "insert into t_job_execution (job_id, domain_uid, status) "
        "values ('DataProtect', 'global.virt', 'IN_PROGRESS');",
        "delete from t_job_execution where status = 'IN_PROGRESS';",
    ),
    _sql(
        *("role-missing", "blocks", "bj"),
        'create role "o\'brien $(id)" login; create table odd (n int); '
        'alter table odd owner to "o\'brien $(id)";',
        'drop table odd; drop role "o\'brien $(id)";',
        where="target",
    ),
    _sql(
        *("role-setting", "warns", "bj"),
        "alter role bj set work_mem = '9MB';",
        "alter role bj reset work_mem;",
    ),
    _sql(
        *("database-setting", "blocks", "bj"),
        "alter database bj set vacuum_cleanup_index_scale_factor = 0.2;",
        "alter database bj reset vacuum_cleanup_index_scale_factor;",
        where="target",
    ),
    _sql("database-left", "warns", "postgres", "create database wiki;", "drop database wiki;"),
    _sql(
        *("index-invalid", "warns", "bj"),
        "create table half (n int); create index half_n on half (n); "
        "update pg_index set indisvalid = false where indexrelid = 'half_n'::regclass;",
        "drop table half;",
    ),
    Plant(
        *("source", "tablespace-missing", "blocks"),
        "install -d -o postgres -m 0700 /srv/fast && "
        f"{_PSQL} -c \"create tablespace fast location '/srv/fast'\" && "
        f"{_PSQL} -c 'create table quick (n int) tablespace fast' bj",
        f"{_PSQL} -c 'drop table quick' bj; {_PSQL} -c 'drop tablespace fast'; rmdir /srv/fast",
        where="target",
    ),
    Plant(
        *("source", "user-nameless", "warns"),
        "touch /var/spool/bm-mapi/nobody && chown 4711:4711 /var/spool/bm-mapi/nobody",
        "rm /var/spool/bm-mapi/nobody",
    ),
    Plant(
        *("source", "link-split", "warns"),
        "touch /var/spool/bm-mapi/one && ln /var/spool/bm-mapi/one /var/spool/bm-core/two",
        "rm /var/spool/bm-mapi/one /var/spool/bm-core/two",
    ),
    Plant(
        *("source", "mount-inside", "warns"),
        "mkdir /var/spool/bm-mapi/own && mount -t tmpfs own /var/spool/bm-mapi/own",
        "umount /var/spool/bm-mapi/own; rmdir /var/spool/bm-mapi/own",
    ),
    Plant(*("source", "data-left", "warns"), "mkdir /var/spool/bm-odd", "rmdir /var/spool/bm-odd"),
    Plant(
        *("source", "dump-readable", "warns"),
        "install -m 0644 /dev/null /tmp/dump-bj.sql",
        "rm /tmp/dump-bj.sql",
    ),
    Plant(
        *("source", "service-disabled", "notes"),
        "touch /etc/bm/bm-tika.disabled",
        "rm /etc/bm/bm-tika.disabled",
    ),
    Plant(
        *("source", "map-textless", "blocks"),
        "cp -a /etc/postfix/main.cf /root/ && touch /etc/postfix/odd.db && "
        "echo 'relocated_maps = hash:/etc/postfix/odd' >>/etc/postfix/main.cf",
        "mv /root/main.cf /etc/postfix/main.cf; rm /etc/postfix/odd.db",
    ),
    Plant(
        *("source", "ssh-sessions", "warns"),
        "cp -a /etc/ssh/sshd_config /root/ && sed -i '1i MaxSessions 4' /etc/ssh/sshd_config",
        "mv /root/sshd_config /etc/ssh/sshd_config",
    ),
    Plant("target", "port-taken", "blocks", _SQUATTER, "systemctl stop squatter", "target"),
)


@contextmanager
def planted(pair: Pair) -> Iterator[None]:
    """All of them, one after the other; what was planted is taken away whatever happens."""
    done: list[Plant] = []
    try:
        for each in PLANTS:
            done.append(each)
            _typed(_at(pair, each), each.plant)
        yield
    finally:
        for each in reversed(done):
            _at(pair, each).exec(("sh", "-c", each.gone), check=False)


def _at(pair: Pair, plant: Plant) -> Machine:
    return pair.source if plant.role == "source" else pair.target


def _typed(machine: Machine, script: str) -> None:
    machine.exec(("sh", "-c", script))


_HOLD = (
    f"{_PSQL} bj -c 'begin; lock table t_server in access exclusive mode; select pg_sleep(120)' "
    ">/dev/null 2>&1 & "
    f"until {_PSQL} -c \"select 'held' from pg_locks where mode = 'AccessExclusiveLock' and "
    "relation = 't_server'::regclass\" bj | grep -q held; do sleep 0.1; done"
)
_LET_GO = (
    f'{_PSQL} -c "select pg_terminate_backend(pid) from pg_stat_activity '
    "where query like '%pg_sleep(120)%' and pid <> pg_backend_pid()\""
)


@contextmanager
def locked(machine: Machine) -> Iterator[None]:
    """Somebody holds a table that the checks read, and doesn't let go."""
    _typed(machine, _HOLD)
    try:
        yield
    finally:
        _typed(machine, _LET_GO)
