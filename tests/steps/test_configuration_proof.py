"""The configuration is the source's, or differs on purpose and says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.contract.machines import MASTER
from tests.fakes import FakeHost
from tests.steps.disk import two
from transhume.core.finding import Proof
from transhume.core.host import Pair
from transhume.steps.configuration import Configuration
from transhume.steps.configuration_proof import ConfigurationProof
from transhume.steps.tree_proof import none_excused

CONFIGURATION = Configuration(
    ("/etc/bm",), ("/etc/krb5.conf",), ("/etc/bm/subscription.bmz",), "/kept", "/etc/bm/bm.ini"
)
FILES = {
    "/etc/bm/bm.ini": b"host = 192.0.2.10\n",
    "/etc/bm/server.uid": b"uid",
    "/etc/bm/subscription.bmz": b"its own",
    "/etc/krb5.conf": b"[realms]\n",
    "/etc/postfix/main.cf": b"alias_maps = hash:/etc/aliases\n",
    "/etc/postfix/master.cf": MASTER.format("-").encode(),
}
ADAPTED = MASTER.format("n").encode()


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """What stands on disk, and what is read of it, are the same."""
    made = two(tmp_path)
    for host in (made.source, made.target):
        assert isinstance(host, FakeHost)
        host.files = dict(FILES)
        host.folders = {"/etc/bm"}
        host.said = {"postconf -m": "hash\n", "postconf -h default_database_type": "hash\n"}
        host.said |= {"stat -c %Y": "1500000000\n", "postconf -d": ""}
    assert isinstance(made.target, FakeHost)
    made.target.files["/etc/postfix/master.cf"] = ADAPTED
    made.target.files["/etc/bm/subscription.bmz"] = b"another"
    _put(tmp_path, made)
    return made


def _put(folder: Path, pair: Pair) -> None:
    for host in (pair.source, pair.target):
        assert isinstance(host, FakeHost)
        for name, content in host.files.items():
            path = Path(f"{folder}/{host.place}{name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            os.utime(path, ns=(7, 7))
            os.utime(path.parent, ns=(7, 7))


def _proofs(
    pair: Pair, intended: dict[str, bytes] | None = None, opened: float = 1_600_000_000
) -> dict[str, Proof]:
    step = ConfigurationProof(CONFIGURATION, lambda _: intended or {})
    proofs = step.prove(pair, opened, none_excused, lambda part, said: None)
    return {proof.part: proof for proof in proofs}


def test_a_difference_is_told_under_the_part_that_names_it(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "target/etc/krb5.conf").write_bytes(b"[realm]\n")
    told: list[str] = []
    step = ConfigurationProof(CONFIGURATION, lambda _: {})
    proofs = step.prove(pair, 0, none_excused, lambda part, said: told.append(part))
    unequal = [proof.part for proof in proofs if proof.differing]
    assert "single files" in unequal
    assert set(told) >= set(unequal)
    assert "/" not in told


def test_what_differs_on_purpose_is_noted_and_all_is_equal(pair: Pair) -> None:
    proofs = _proofs(pair)
    assert list(proofs) == ["/etc/bm", "single files", "adapted files"]
    assert all(proof.whole for proof in proofs.values())
    assert proofs["adapted files"].notes == (
        "/etc/postfix/master.cf: differs from the source's on purpose",
        "/etc/bm/subscription.bmz: the target keeps its own",
    )


@pytest.mark.parametrize(
    ("name", "part", "said"),
    [
        ("/etc/bm/server.uid", "/etc/bm", "server.uid: content differs"),
        ("/etc/krb5.conf", "single files", "etc/krb5.conf: content differs"),
        ("/etc/bm/bm.ini", "/etc/bm", "bm.ini: content differs"),
    ],
)
def test_another_file_is_named(pair: Pair, tmp_path: Path, name: str, part: str, said: str) -> None:
    path = Path(f"{tmp_path}/target{name}")
    path.write_bytes(bytes(reversed(path.read_bytes())))
    os.utime(path, ns=(7, 7))
    proofs = _proofs(pair)
    assert proofs[part].differing == (said,)
    assert [proof.part for proof in proofs.values() if not proof.whole] == [part]


def test_an_adapted_file_is_what_it_should_be_or_was_written_since(pair: Pair) -> None:
    assert isinstance(pair.target, FakeHost)
    pair.target.files["/etc/postfix/main.cf"] = b"damaged"
    adapted = _proofs(pair)["adapted files"]
    assert adapted.differing == ("/etc/postfix/main.cf: not what it was made on purpose",)
    since = _proofs(pair, opened=1_400_000_000)["adapted files"]
    assert (since.whole, since.since) == (True, 1)


def test_a_file_in_a_folder_may_differ_on_purpose(pair: Pair, tmp_path: Path) -> None:
    assert isinstance(pair.target, FakeHost)
    pair.target.files["/etc/bm/bm.ini"] = b"host = 192.0.2.20\n"
    _put(tmp_path, pair)
    assert not all(proof.whole for proof in _proofs(pair).values())
    proofs = _proofs(pair, {"/etc/bm/bm.ini": b"host = 192.0.2.20\n"})
    assert all(proof.whole for proof in proofs.values())
    assert "/etc/bm/bm.ini: differs from the source's on purpose" in (proofs["adapted files"].notes)
