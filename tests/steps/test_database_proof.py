"""A database is proved the source's, or what differs is named."""

from __future__ import annotations

import pytest

from tests.contract.machines import servers
from tests.fakes import FakeHost
from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.steps.database_proof import prove


def _target(pair: Pair) -> FakeHost:
    assert isinstance(pair.target, FakeHost)
    return pair.target


def _proofs(pair: Pair) -> dict[str, Proof]:
    return {proof.part: proof for proof in prove(pair, "bj")}


def test_a_database_that_is_missing_is_no_copy() -> None:
    pair = servers()
    _target(pair).held["select d.datname, pg_get_userbyid"] = []
    proofs = _proofs(pair)
    assert list(proofs) == ["bj: settings"]
    assert not proofs["bj: settings"].whole


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([("public.t_server", 1, 78)], "public.t_server: (1, '77') on the source, (1, '78')"),
        ([("public.t_server", 0, 0)], "(0, '0') on the target"),
        ([], "missing on the target"),
        ([("public.t_server", 1, 77), ("public.t_more", 0, 0)], "public.t_more: missing on the"),
    ],
)
def test_rows_that_differ_are_named(rows: list[tuple[object, ...]], named: str) -> None:
    pair = servers()
    _target(pair).held["hashtextextended"] = rows
    proof = _proofs(pair)["bj"]
    assert not proof.whole
    assert named in "; ".join(proof.differing)


def test_a_database_without_tables_is_a_copy_of_one_without() -> None:
    pair = servers()
    for host in (pair.source, pair.target):
        assert isinstance(host, FakeHost)
        host.held |= {
            "select n.nspname, c.relname from pg_class c join": [],
            "from pg_sequences": [],
        }
    assert _proofs(pair)["bj"].whole
