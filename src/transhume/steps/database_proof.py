"""Prove that a database on the target is the source's: its shape, its rows, its sequences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.steps.described import described
from transhume.steps.rows import Tables, contents, schema


def prove_shape(pair: Pair, name: str) -> Iterator[Proof]:
    """The proofs of the database's own settings and of its objects."""
    there, here = described(pair.source, name), described(pair.target, name)
    yield _proof(f"{name}: settings", {"it": there}, {"it": here}, "databases")
    if here is not None:
        known = [
            dict.fromkeys(schema(host, name), "as here") for host in (pair.source, pair.target)
        ]
        yield _proof(f"{name}: schema", known[0], known[1], "objects")


def prove(pair: Pair, name: str) -> Iterator[Proof]:
    """All proofs of the database: its shape, then its rows and sequences."""
    shape = list(prove_shape(pair, name))
    yield from shape
    if len(shape) > 1:
        there, here = contents(pair.source, name), contents(pair.target, name)
        # Two without any table are equal in just that; nothing to compare would prove nothing.
        none: Tables = {} if there or here else {"no table": (0, "")}
        yield _proof(name, there | none, here | none, "tables")


def _proof(part: str, there: Mapping[Any, object], here: Mapping[Any, object], unit: str) -> Proof:
    keys = sorted({*there, *here})
    differing = tuple(
        f"{_named(key)}: {there.get(key, 'missing')} on the source, "
        f"{here.get(key, 'missing')} on the target"
        for key in keys
        if there.get(key) != here.get(key)
    )
    return Proof(part, len(keys), len(keys) - len(differing), unit, differing)


def _named(key: object) -> str:
    return " ".join(key) if isinstance(key, tuple) else str(key)
