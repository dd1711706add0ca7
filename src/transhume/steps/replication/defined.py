"""Whether tables are still defined alike on both servers: replication brings rows alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from transhume.core.at_once import at_once
from transhume.core.change import Change
from transhume.core.host import Host, Pair
from transhume.steps.replication.record import Record, Shelf
from transhume.steps.schema import schema

_CATALOGS = (
    *("pg_class", "pg_attribute", "pg_attrdef", "pg_index", "pg_constraint", "pg_trigger"),
    *("pg_type", "pg_proc", "pg_enum", "pg_sequence", "pg_extension", "pg_namespace"),
)
_COUNTED = " union all ".join(
    f"select '{catalog}' as catalog, count(*), "
    f"sum(hashtext(xmin::text || ' ' || ctid::text)::numeric) from {catalog}"
    for catalog in _CATALOGS
)
# In an order of its own: workers that count side by side hand them over in another one each time.
_DEFINITIONS = f"select md5(string_agg(c::text, ' ' order by c.catalog)) from ({_COUNTED}) c"
# An interrupted or running pg_repack has tables and triggers of its own; they come and go.
_PASSING = ("repack.",)
_PASSING_TRIGGER = ".repack_trigger"


def definitions(source: Host, name: str) -> str:
    """A word that becomes another one with every definition that is made, altered or dropped.

    Each such command writes catalog rows anew, by a transaction of its own number; what vacuum and
    analyze note there they overwrite in place. It costs milliseconds where comparing the
    definitions themselves takes their size.
    """
    return str(source.sql(name, _DEFINITIONS)[0][0])


def altered(pair: Pair, name: str, known: Record) -> str:
    """A table that isn't on the target as it is on the source now; empty when all are."""
    if known.definitions and known.definitions == definitions(pair.source, name):
        return ""
    there, here = at_once([partial(_lasting, host, name) for host in (pair.source, pair.target)])
    return next((f"{kind} {item}" for kind, item, _ in sorted(there ^ here)), "")


def noted(pair: Pair, name: str, shelf: Shelf) -> list[Change]:
    """Note the source's word for its definitions, when they are seen to equal the copy's."""
    known = shelf.get(pair.target, name)
    # The word is read first: what is altered while the comparison goes on changes it.
    seen = definitions(pair.source, name)
    if known is None or known.definitions == seen or altered(pair, name, known):
        return []
    write = shelf.put(name, replace(known, definitions=seen))
    return [Change(f"note how {name} is defined", write, shelf.back(name, known))]


def _lasting(host: Host, name: str) -> frozenset[tuple[str, str, str]]:
    return frozenset(
        entry
        for entry in schema(host, name)
        if entry[0] != "identity"
        and not entry[1].startswith(_PASSING)
        and not entry[1].endswith(_PASSING_TRIGGER)
    )
