"""How a database is set up: its owner, encoding, locale, settings, and who may do what with it."""

from __future__ import annotations

from dataclasses import dataclass

from transhume.core.host import Host

PRIVILEGES = ("CONNECT", "CREATE", "TEMPORARY")


@dataclass(frozen=True)
class Database:
    """What `create database` needs to know of the source's database."""

    name: str
    owner: str
    encoding: str
    collate: str
    ctype: str
    settings: tuple[tuple[str, str], ...]
    """Pairs of role (empty for all) and `name=value`."""
    limit: int = -1
    """How many may be connected; -1 for any number."""
    comment: str = ""
    privileges: tuple[tuple[str, str, str], ...] | None = None
    """Role (empty for all), privilege, and `with grant option` or nothing; None: the usual ones."""


_DATABASE = """
select d.datname, pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding),
       d.datcollate, d.datctype, d.datconnlimit,
       coalesce(shobj_description(d.oid, 'pg_database'), ''), array(
           select distinct array[
               case x.grantee when 0 then '' else pg_get_userbyid(x.grantee)::text end,
               x.privilege_type, case when x.is_grantable then 'with grant option' else '' end
           ] from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
       )
from pg_database d where d.datname = %s
"""
_SETTINGS = """
select coalesce(r.rolname, ''), unnest(s.setconfig)
from pg_db_role_setting s
join pg_database d on d.oid = s.setdatabase
left join pg_roles r on r.oid = s.setrole
where d.datname = %s
"""


def described(host: Host, name: str) -> Database | None:
    """What a machine's server says of a database; None when it has none of that name."""
    rows = host.sql("postgres", _DATABASE, name)
    if not rows:
        return None
    # Here: each server sorts by the collation of its own cluster.
    settings = tuple(sorted((role, value) for role, value in host.sql("postgres", _SETTINGS, name)))
    found, owner, encoding, collate, ctype, limit, comment, granted = rows[0]
    known = tuple(sorted((role, privilege, option) for role, privilege, option in granted))
    privileges = None if set(known) == _usual(owner) else known
    return Database(
        found, owner, encoding, collate, ctype, settings, int(limit), comment, privileges
    )


def _usual(owner: str) -> set[tuple[str, str, str]]:
    """What a database allows of which nobody has said anything."""
    everybody = {("", privilege, "") for privilege in ("CONNECT", "TEMPORARY")}
    return everybody | {(owner, privilege, "") for privilege in PRIVILEGES}
