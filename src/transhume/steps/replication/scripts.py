"""What is typed on both servers to let a database follow, and to let go of it again."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from transhume.core.change import Act, Run, Series, psql
from transhume.core.host import Host
from transhume.steps.replication import on_source, tunnel
from transhume.steps.replication.following import Following
from transhume.steps.replication.identity import TABLES, Identity
from transhume.steps.replication.identity import script as identities_script
from transhume.steps.replication.survey import PUBLICATION

_MINE = (
    "from pg_subscription where subname like 'transhume\\_%'"
    " and subdbid = (select oid from pg_database where datname = current_database())"
)
DISABLE = f"select format('alter subscription %I disable', subname) {_MINE} \\gexec\n"
"""psql for the target: it takes no more of the source's changes, and can still be let go of."""
UNSUBSCRIBE = (
    f"{DISABLE}select format('alter subscription %I set (slot_name = none)', subname) {_MINE}"
    f" \\gexec\nselect format('drop subscription %I', subname) {_MINE} \\gexec\n"
)

UNPUBLISH = f"drop publication if exists {PUBLICATION};\n"

# psql can't be told to do nothing where there is no such database.
_IF_SUBSCRIBED = """\
found=$(psql -X -A -t -v ON_ERROR_STOP=1 -d "$1" -c "$3") || exit
[ -z "$found" ] || exec psql -X -q -v ON_ERROR_STOP=1 -d "$2"
"""
_SUBSCRIBED = """\
select 1 from pg_subscription s join pg_database d on d.oid = s.subdbid
where s.subname like 'transhume\\_%' and d.datname = {} limit 1
"""

# Whoever reads the slot is asked to go first: an active one can't be dropped.
_DROP_SLOT = """\
do $$
begin
    for i in 1..100 loop
        perform pg_terminate_backend(active_pid) from pg_replication_slots
            where slot_name = {slot} and active;
        exit when not found;
        perform pg_sleep(0.05);
    end loop;
end $$;
select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = {slot};
"""

# Nothing that is on its way for a while is lost; a target that begins again and again, or that
# nothing reaches, takes nothing.
_CATCH_UP = """\
do $$
declare
    reached pg_lsn;
    pid int;
    before pg_lsn;
    sender int := 0;
    tries int := 0;
    since timestamptz := clock_timestamp();
begin
    loop
        select confirmed_flush_lsn, active_pid into reached, pid
            from pg_replication_slots where slot_name = {slot};
        exit when reached is null
            or reached >= {position}::pg_lsn and ({ended} or pid is not null);
        if reached is distinct from before then
            since := clock_timestamp();
            tries := 0;
        end if;
        if pid <> sender then
            tries := tries + 1;
            sender := pid;
        end if;
        before := reached;
        exit when tries > 2 or pid is null and clock_timestamp() - since > {patience}::interval;
        perform pg_sleep(0.01);
    end loop;
    {verdict}
end $$;
"""
_STRICT = """\
if reached is null or reached < {position}::pg_lsn then
        raise exception 'not all that was sent has been taken; to copy the whole '
            'database instead: strategy = "dump" in [databases] of the settings';
    end if;"""


def unsubscribe(name: str) -> Run:
    """The target takes no more of the source's changes; nothing happens where it takes none."""
    wanted = psql(name, UNSUBSCRIBE)
    env, words = wanted.argv[:2], wanted.argv[-1]
    where = psql("postgres", "").argv[-1]
    query = sql.SQL(_SUBSCRIBED).format(sql.Literal(name)).as_string()
    argv = (*env, "sh", "-c", _IF_SUBSCRIBED, "sh", where, words, query)
    return Run("target", argv, wanted.input)


def subscribe(name: str, slot: str, user: str) -> Act:
    """The target takes the source's changes from the slot on; what it took before is forgotten."""
    return psql(name, UNSUBSCRIBE + subscribed(slot, tunnel.conninfo(user, name)))


def subscribed(slot: str, conninfo: str) -> str:
    """SQL that takes what the slot has at the other end of this connection."""
    command = sql.SQL(
        "create subscription {} connection {} publication {} with "
        "(create_slot = false, slot_name = {}, copy_data = false, enabled = true);\n"
    ).format(
        sql.Identifier(slot),
        sql.Literal(conninfo),
        sql.Identifier(PUBLICATION),
        sql.Literal(slot),
    )
    return command.as_string()


def publish(following: Following, source: Host, name: str) -> Run:
    """Let the source tell what changes in each of its tables."""
    return on_source.script(following.ini, name, published(source, name))


def published(host: Host, name: str) -> str:
    """SQL that publishes every table by name: one that is made later must not stop its writers."""
    tables = (sql.Identifier(*row) for row in host.sql(name, TABLES))
    listed = sql.SQL(", ").join(sql.SQL("only {}").format(table) for table in tables)
    text = sql.SQL(
        "set lock_timeout = '30s';\nbegin;\ndrop publication if exists {0};\n"
        "create publication {0} for table {1};\ncommit;\n"
    )
    return text.format(sql.Identifier(PUBLICATION), listed).as_string()


def identify(following: Following, name: str, identities: Iterable[Identity]) -> Run:
    """Give the source's tables these identities."""
    return on_source.script(following.ini, name, identities_script(identities))


def unpublish(following: Following, name: str, identities: Iterable[Identity]) -> Run:
    """Publish nothing, and put identities back: in this order, or updates would be refused."""
    return on_source.script(following.ini, name, UNPUBLISH + identities_script(identities))


def drop_slot(following: Following, slot: str) -> Run:
    """Let the source forget its follower; nothing happens when there is none."""
    return on_source.script(following.ini, "postgres", dropped(slot))


def dropped(slot: str) -> str:
    """SQL that drops a slot, if there is one, whoever reads it."""
    return sql.SQL(_DROP_SLOT).format(slot=sql.Literal(slot)).as_string()


def catch_up(following: Following, slot: str, position: str, *, strict: bool, patience: int) -> Run:
    """Wait until the target holds all up to this position of the source's log, on its disk.

    It ends as well when the target takes nothing for `patience` seconds, or after three tries;
    where it is `strict` that is an error. Otherwise people go on writing, so the target must be
    there to take more, too: after a restart of the way to it that takes some seconds.
    """
    text = reached(slot, position, strict=strict, patience=patience)
    return on_source.script(following.ini, "postgres", text)


def reached(slot: str, position: str, *, strict: bool, patience: int) -> str:
    """SQL that waits for it, where the slot is."""
    verdict = sql.SQL(_STRICT if strict else "null;").format(position=sql.Literal(position))
    waited = sql.SQL(_CATCH_UP).format(
        slot=sql.Literal(slot),
        position=sql.Literal(position),
        ended=sql.Literal(strict),
        patience=sql.Literal(f"{patience} s"),
        verdict=verdict,
    )
    return waited.as_string()


def abandon(following: Following, name: str, slot: str, identities: Iterable[Identity]) -> Series:
    """Let go of a database on both machines."""
    return Series(
        (
            unsubscribe(name),
            drop_slot(following, slot),
            unpublish(following, name, identities),
        )
    )
