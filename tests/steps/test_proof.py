"""The proof at any time: what people did since the opening isn't held against the copy."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.contract.machines import RSYNC, servers
from tests.fakes import FakeHost
from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.steps.proof import Subject
from transhume.steps.trees import Tree

OPENED = 1_795_420_800.0
TREE = Tree("/var/spool/cyrus")
CHURNING = Tree("/var/spool/bm-core", churns=True)


def _proofs(
    lines: Sequence[str], changed: Sequence[str], tree: Tree = TREE, opened: float = OPENED
) -> list[Proof]:
    pair = servers()
    assert isinstance(pair.target, FakeHost)
    pair.target.said["rsync -n"] = "\n".join(lines) + RSYNC
    pair.target.said[f"find {tree.path}"] = "".join(f"{name}\0" for name in changed)
    return list(Subject((tree,), (), False, opened).proofs(pair))


@pytest.mark.parametrize(
    "line", ["*deleting   new mail", ">f.st...... cur/a\\#351", ".d..t...... cur/"]
)
def test_what_people_did_since_isnt_a_difference(line: str) -> None:
    (proof,) = _proofs([line], ["cur", "cur/a\udce9"])
    assert (proof.whole, proof.since) == (True, 1)


def test_what_is_missing_is_a_difference_also_afterwards() -> None:
    (proof,) = _proofs([">f+++++++++ lost"], ["lost", "."])
    assert (proof.whole, proof.since, proof.differing) == (False, 0, (">f+++++++++ lost",))


def test_what_nobody_changed_is_a_difference() -> None:
    (proof,) = _proofs([">f.st...... torn"], ["other"])
    assert not proof.whole


def test_where_files_come_and_go_what_is_missing_has_gone() -> None:
    (proof,) = _proofs([">f+++++++++ index-7"], [], CHURNING)
    assert proof.whole


def test_before_the_opening_every_difference_counts() -> None:
    (proof,) = _proofs(["*deleting   new mail"], ["new mail"], opened=0)
    assert not proof.whole


def _databases(opened: float, rows: int, objects: str = "rp") -> list[Proof]:
    pair: Pair = servers()
    assert isinstance(pair.target, FakeHost)
    pair.target.held["hashtextextended"] = [("public.t_server", rows, 77)]
    pair.target.held["with own as"] = [("relation", "public.t_server", objects)]
    return list(Subject((), ("bj",), False, opened).proofs(pair))


def test_a_databases_settings_objects_and_rows_are_proved() -> None:
    proofs = _databases(0, 1)
    assert [proof.part for proof in proofs] == ["bj: settings", "bj: schema", "bj"]
    assert all(proof.whole for proof in proofs)


def test_a_missing_row_is_a_difference_until_the_opening() -> None:
    assert not _databases(0, 2)[-1].whole
    after = _databases(OPENED, 2)[-1]
    assert (after.whole, after.since) == (True, 1)


@pytest.mark.parametrize("opened", [0, OPENED])
def test_another_schema_is_a_difference_at_any_time(opened: float) -> None:
    assert [proof.whole for proof in _databases(opened, 1, "ri")] == [True, False, True]
