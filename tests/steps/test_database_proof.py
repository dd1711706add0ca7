"""A database is proved the source's, or what differs is named."""

from __future__ import annotations

import pytest

from tests.contract.machines import servers
from tests.fakes import FakeHost
from transhume.core.finding import Proof
from transhume.core.host import Answer, Pair
from transhume.steps.database_proof import prove
from transhume.steps.sequences import Stand

_TABLES = "select n.nspname::text, c.relname::text, array"
_SUMS = "select 0::int, count(*), coalesce(sum(hashtextextended"


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


def test_what_an_empty_machine_needs_is_all_proved() -> None:
    proofs = _proofs(servers())
    assert list(proofs) == ["bj: settings", "bj: schema", "bj", "bj: sequences"]
    assert all(proof.whole for proof in proofs.values())


def test_an_extension_of_another_version_is_told_and_no_difference() -> None:
    pair = servers()
    _target(pair).held["select extname::text, extversion"] = [("hstore", "1.9"), ("new", "1")]
    proof = _proofs(pair)["bj: schema"]
    assert proof.whole
    assert proof.notes == (
        "extension hstore: 1.8 on the source, 1.9 on the target, as it comes with PostgreSQL",
    )


def test_a_table_on_one_side_only_is_named() -> None:
    pair = servers()
    _target(pair).held[_TABLES] = []
    assert _proofs(pair)["bj"].differing == ("table public.t_server is missing on the target",)
    pair = servers()
    more: tuple[object, ...] = ("public", "t_more", [["a", ""]], [], False, 0, 0, 150000)
    _target(pair).held[_TABLES] = [*_target(pair).held[_TABLES], more]  # type: ignore[misc]
    assert _proofs(pair)["bj"].differing == ("table public.t_more is not on the source",)


def test_a_table_that_cant_be_read_on_either_side_isnt_equal() -> None:
    pair = servers()
    for host in (pair.source, pair.target):
        assert isinstance(host, FakeHost)
        host.held[_SUMS] = [Answer(0, [], "invalid page", "XX001")]  # type: ignore[list-item]
    proof = _proofs(pair)["bj"]
    assert (proof.compared, proof.equal) == (1, 0)
    assert proof.differing == (
        "public.t_server couldn't be read on the source: invalid page",
        "public.t_server couldn't be read on the target: invalid page",
    )


def test_a_database_without_tables_is_a_copy_of_one_without() -> None:
    pair = servers()
    for host in (pair.source, pair.target):
        assert isinstance(host, FakeHost)
        host.held |= {_TABLES: [], "select n.nspname::text, c.relname::text, s.seqincrement": []}
    proofs = _proofs(pair)
    assert proofs["bj"].whole
    assert "bj: sequences" not in proofs


@pytest.mark.parametrize(
    ("ours", "behind"),
    [
        (Stand(40, True, 1), False),
        (Stand(41, False, 1), False),
        (Stand(40, False, 1), True),
        (Stand(39, True, 1), True),
        (Stand(50, True, 1), False),
        (Stand(50, True, -1), True),
        (Stand(30, True, -1), False),
    ],
)
def test_a_sequence_is_behind_when_it_would_give_a_number_again(ours: Stand, behind: bool) -> None:
    assert ours.behind(Stand(40, True, ours.step)) == behind
