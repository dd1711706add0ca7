"""What belongs to the whole PostgreSQL server: roles, tablespaces, settings, other databases."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.steps import sized
from transhume.steps.requirements.remedy import accepting, as_postgres, quoted

# Owners of objects in these databases, and whoever has rights on them.
_NEEDED = """
select distinct pg_get_userbyid(refobjid) from pg_shdepend
where refclassid = 'pg_authid'::regclass
  and (dbid in (select oid from pg_database where datname = any(%s))
       or classid = 'pg_database'::regclass
          and objid in (select oid from pg_database where datname = any(%s)))
union select pg_get_userbyid(datdba) from pg_database where datname = any(%s)
"""
_ROLES = """
select rolname, concat_ws(' ', case when rolsuper then 'superuser' end,
    case when rolcreatedb and not rolsuper then 'createdb' end,
    case when rolcreaterole and not rolsuper then 'createrole' end,
    case when rolreplication then 'replication' end, case when rolbypassrls then 'bypassrls' end,
    case when rolcanlogin then 'login' end)
from pg_roles where rolname !~ '^pg_'
"""
_MEMBERS = """
select pg_get_userbyid(roleid)::text, pg_get_userbyid(member)::text from pg_auth_members
where pg_get_userbyid(member) !~ '^pg_'
"""
_ROLE_SETTINGS = """
select r.rolname, unnest(setconfig) from pg_db_role_setting s join pg_roles r on r.oid = s.setrole
where s.setdatabase = 0
"""
_NAMES = "select datname from pg_database where not datistemplate and datname <> 'postgres'"
_DATABASE_SETTINGS = """
select d.datname, split_part(unnest(setconfig), '=', 1) from pg_db_role_setting s
join pg_database d on d.oid = s.setdatabase where d.datname = any(%s)
"""
_PARAMETERS = "select name from pg_settings"


def roles(names: tuple[str, ...]) -> Look:
    """A role that owns something must exist on the target, and may as much as on the source."""

    def look(pair: Pair) -> Iterator[Finding]:
        needed = {name for (name,) in pair.source.sql("postgres", _NEEDED, *[list(names)] * 3)}
        there, here = (dict(host.sql("postgres", _ROLES)) for host in (pair.source, pair.target))
        for name in sorted(needed & set(there)):
            if name not in here:
                yield Finding(
                    "role-missing",
                    "blocks",
                    "target",
                    f"the role {name} owns objects on the source and doesn't exist here",
                    "The restore would stop at the first of them.",
                    as_postgres("create role {role}", role=sql.Identifier(name)),
                )
            elif set(there[name].split()) - set(here[name].split()):
                yield Finding(
                    "role-differs",
                    "warns",
                    "target",
                    f"the role {name} may {here[name] or 'nothing'} here, there {there[name]}",
                    "What it did there may be refused here.",
                    "on the target: " + _allow(name, there[name]),
                )
        left = sorted(name for name in set(there) - set(here) - needed if "login" in there[name])
        if left:
            yield Finding(
                "role-left",
                "notes",
                "source",
                f"{len(left)} roles own nothing that moves: {', '.join(left)}",
                "They stay behind; whatever logs in as one of them is refused on the target.",
                "what is needed, on the target: "
                + as_postgres("create role {role} login", role=sql.Identifier(left[0])),
            )

    return look


def _allow(name: str, attributes: str) -> str:
    rights = sql.SQL(attributes)
    return as_postgres("alter role {role} {rights}", role=sql.Identifier(name), rights=rights)


def members(pair: Pair) -> Iterator[Finding]:
    """Who belongs to which role is told by no dump of a database."""
    there, here = (set(host.sql("postgres", _MEMBERS)) for host in (pair.source, pair.target))
    for role, member in sorted(there - here):
        yield Finding(
            "role-member",
            "notes",
            "source",
            f"the role {member} belongs to {role}, here it doesn't",
            "What it may do there by way of that role would be refused here.",
            "on the target: "
            + as_postgres(
                "grant {role} to {member}",
                role=sql.Identifier(role),
                member=sql.Identifier(member),
            ),
        )


def role_settings(pair: Pair) -> Iterator[Finding]:
    """What was set for a role on the whole server isn't part of any dump."""
    there, here = (set(host.sql("postgres", _ROLE_SETTINGS)) for host in (pair.source, pair.target))
    for name, setting in sorted(there - here):
        key, _, value = setting.partition("=")
        yield Finding(
            "role-setting",
            "warns",
            "source",
            f"the role {name} has {key} = {value}, here it hasn't",
            "The same query may answer otherwise, or slower.",
            "on the target: "
            + as_postgres(
                "alter role {role} set {key} = {value}",
                role=sql.Identifier(name),
                key=sql.SQL(".").join(map(sql.Identifier, key.split("."))),
                value=sql.Literal(value),
            ),
        )


def tablespaces(names: tuple[str, ...]) -> Look:
    """A tablespace that the target lacks stops the restore at its first table."""

    def look(pair: Pair) -> Iterator[Finding]:
        here = {space.name for space in sized.tablespaces(pair.target)}
        for space in sized.tablespaces(pair.source):
            if space.databases & set(names) and space.name not in here:
                yield Finding(
                    "tablespace-missing",
                    "blocks",
                    "target",
                    f"the tablespace {space.name} ({space.folder} on the source) "
                    "doesn't exist here",
                    "The restore would stop at the first table that lies in it.",
                    f"on the target: install -d -o postgres -m 0700 {quoted(space.folder)}; "
                    + as_postgres(
                        "create tablespace {name} location {folder}",
                        name=sql.Identifier(space.name),
                        folder=sql.Literal(space.folder),
                    ),
                )

    return look


def database_settings(names: tuple[str, ...]) -> Look:
    """A setting that the newer PostgreSQL doesn't know can't be put on its database."""

    def look(pair: Pair) -> Iterator[Finding]:
        known = {parameter.lower() for (parameter,) in pair.target.sql("postgres", _PARAMETERS)}
        for database, name in sorted(
            set(pair.source.sql("postgres", _DATABASE_SETTINGS, list(names)))
        ):
            # A name with a dot is a program's own: PostgreSQL takes any.
            if name.lower() not in known and "." not in name:
                yield Finding(
                    "database-setting",
                    "blocks",
                    "target",
                    f"{database} has {name} set, which PostgreSQL here doesn't know",
                    "Creating the database like the source's would stop at it.",
                    "on the source: "
                    + as_postgres(
                        "alter database {itself} reset {name}",
                        itself=sql.Identifier(database),
                        name=sql.Identifier(name),
                    ),
                )

    return look


def databases(required: tuple[str, ...], optional: tuple[str, ...]) -> Look:
    """What every server has must be there; what nobody named stays behind."""

    def look(pair: Pair) -> Iterator[Finding]:
        there = {name for (name,) in pair.source.sql("postgres", _NAMES)}
        sizes = sized.database_sizes(pair.source)
        for name in sorted(set(required) - there):
            yield Finding(
                "database-absent",
                "blocks",
                "source",
                f"it has no database {name}, which every server of its kind has",
                "There would be nothing to restore, and the server couldn't start.",
                "is this the right machine? [source] ssh in the settings names it",
            )
        for name in sorted(there - set(required) - set(optional)):
            yield Finding(
                "database-left",
                "warns",
                "source",
                f"the database {name} ({sizes.get(name, 0):,} bytes) is none of those that move",
                "Whatever uses it would find nothing on the target.",
                f"dump it by hand: {quoted('pg_dump', '-Fc', '-f', f'{name}.dump', name)}; or "
                + accepting("database-left"),
            )

    return look


def present(host: Host, names: tuple[str, ...]) -> list[str]:
    """Those of the databases that exist there, in their order."""
    there = {name for (name,) in host.sql("postgres", _NAMES)}
    return [name for name in names if name in there]
