"""How a database is set up: its owner, encoding, locale and settings."""

from __future__ import annotations

from dataclasses import dataclass

from transhume.core.host import Host


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


_DATABASE = """
select d.datname, pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding),
       d.datcollate, d.datctype
from pg_database d where d.datname = %s
"""
_SETTINGS = """
select coalesce(r.rolname, ''), unnest(s.setconfig)
from pg_db_role_setting s
join pg_database d on d.oid = s.setdatabase
left join pg_roles r on r.oid = s.setrole
where d.datname = %s order by 1, 2
"""


def described(host: Host, name: str) -> Database | None:
    """What a machine's server says of a database; None when it has none of that name."""
    rows = host.sql("postgres", _DATABASE, name)
    if not rows:
        return None
    settings = tuple((role, value) for role, value in host.sql("postgres", _SETTINGS, name))
    found, owner, encoding, collate, ctype = rows[0]
    return Database(found, owner, encoding, collate, ctype, settings)
