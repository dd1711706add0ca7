"""What is set on a database itself, and isn't made anew with it on the target."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.steps.requirements.remedy import as_postgres

_LIMITS = """
select datname::text, datconnlimit from pg_database
where datname = any(%s) and datconnlimit <> -1 order by 1
"""
# Everybody's rights to connect and to make temporary tables come with a database, as its owner's.
_GIVEN = """
select datname::text, coalesce(r.rolname, '')::text, x.privilege_type from pg_database
cross join lateral aclexplode(datacl) x left join pg_roles r on r.oid = x.grantee
where datname = any(%s) and x.grantee <> datdba
  and not (x.grantee = 0 and x.privilege_type in ('CONNECT', 'TEMPORARY')) order by 1, 2, 3
"""
_TAKEN = """
select datname::text, usual.kind from pg_database
cross join (values ('CONNECT'), ('TEMPORARY')) usual(kind)
where datname = any(%s) and datacl is not null and not exists (
  select from aclexplode(datacl) where grantee = 0 and privilege_type = usual.kind) order by 1, 2
"""
_KNOWN = {"CREATE": "create", "CONNECT": "connect", "TEMPORARY": "temporary"}


def limits(names: tuple[str, ...]) -> Look:
    """How many may be connected at once."""

    def look(pair: Pair) -> Iterator[Finding]:
        for name, limit in pair.source.sql("postgres", _LIMITS, list(names)):
            yield Finding(
                "database-limit",
                "notes",
                "source",
                f"{name} takes {limit} connections at most",
                "The new database takes as many as the server has.",
                "on the target, once it serves: "
                + as_postgres(
                    "alter database {itself} connection limit {limit}",
                    itself=sql.Identifier(name),
                    limit=sql.Literal(limit),
                ),
            )

    return look


def rights(names: tuple[str, ...]) -> Look:
    """Who may do what with the database as a whole."""

    def look(pair: Pair) -> Iterator[Finding]:
        for name, role, right in pair.source.sql("postgres", _GIVEN, list(names)):
            yield Finding(
                "database-right",
                "notes",
                "source",
                f"{role or 'everybody'} has the right {right} on {name}",
                "The new database has no rights but its owner's and the usual ones.",
                "on the target, once it serves: "
                + as_postgres(
                    "grant {right} on database {itself} to {role}",
                    right=sql.SQL(_KNOWN[right]),
                    itself=sql.Identifier(name),
                    role=sql.Identifier(role) if role else sql.SQL("public"),
                ),
            )
        for name, right in pair.source.sql("postgres", _TAKEN, list(names)):
            yield Finding(
                "database-right-taken",
                "notes",
                "source",
                f"not everybody has the right {right} on {name}",
                "On the new database everybody has it, who may log in at all.",
                "on the target, once it serves: "
                + as_postgres(
                    "revoke {right} on database {itself} from public",
                    right=sql.SQL(_KNOWN[right]),
                    itself=sql.Identifier(name),
                ),
            )

    return look
