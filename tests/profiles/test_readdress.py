"""Another address: put wherever the old one stands alone, and nowhere else."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.machines import servers
from tests.fakes import FakeHost
from transhume.core.change import Run
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.profiles.bluemind.readdress import Readdress

STEP = Readdress("192.0.2.20")
INI = "/etc/bm/bm.ini"


def _pair(**files: bytes) -> Pair:
    pair = servers()
    for host in (pair.source, pair.target):
        assert isinstance(host, FakeHost)
        host.held["bj select ip from t_server"] = [("192.0.2.10",)]
        host.held["select configuration::text"] = [('"mynetworks"=>"192.0.2.20/32"',)]
    assert isinstance(pair.target, FakeHost)
    pair.target.held["bj select ip from t_server"] = [("192.0.2.20",)]
    pair.target.files[INI] = files.get("ini", b"host = 192.0.2.20\n")
    return pair


def _script() -> tuple[str, ...]:
    (act,) = [change.act for change in STEP.run(_pair()) if change.title == "in the files"]
    assert isinstance(act, Run)
    return act.argv


CASES = {
    "host = 192.0.2.10\n": "host = 192.0.2.20\n",
    "192.0.2.10": "192.0.2.20",
    "192.0.2.10,192.0.2.10 192.0.2.10/32": "192.0.2.20,192.0.2.20 192.0.2.20/32",
    "inet:192.0.2.10:2400": "inet:192.0.2.20:2400",
    "192.0.2.100 1192.0.2.10 192.0.2.10.5 10.192.0.2.10": (
        "192.0.2.100 1192.0.2.10 192.0.2.10.5 10.192.0.2.10"
    ),
    "192x0y2z10": "192x0y2z10",
    "caf\xe9 192.0.2.10": "caf\xe9 192.0.2.20",
}


@pytest.mark.programs("sed")
@pytest.mark.parametrize("before", CASES)
def test_sed_puts_it_where_the_old_one_stands_alone(tmp_path: Path, before: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(before.encode("latin-1"))
    argv = [word for word in _script() if not word.startswith("/etc/")]
    environment = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    subprocess.run((*argv, str(path)), check=True, env=environment)
    assert path.read_bytes() == CASES[before].encode("latin-1")


@pytest.mark.parametrize("before", [text for text, after in CASES.items() if text == after])
def test_the_proof_leaves_longer_ones_alone(before: str) -> None:
    assert list(STEP.verify(_pair(ini=before.encode()))) == []


@pytest.mark.parametrize("left", [b"host = 192.0.2.10\n", b"caf\xe9 192.0.2.10:25"])
def test_one_that_was_left_is_told(left: bytes) -> None:
    (found,) = STEP.verify(_pair(ini=left))
    assert isinstance(found, Finding)
    assert found.seen == f"{INI} still names 192.0.2.10"


@given(st.lists(st.sampled_from(["192.0.2.10", "192.0.2.100", ",", " ", "\n", "x", "/"])))
def test_what_is_replaced_is_what_the_proof_finds(pieces: list[str]) -> None:
    """In PostgreSQL and in Python alike."""
    (update, _) = STEP.run(_pair())
    assert isinstance(update.act, Run)
    text = "".join(pieces)
    found = re.search(r"(?<![0-9.])192\.0\.2\.10(?![0-9.])", text)
    seen = [
        item.seen for item in STEP.verify(_pair(ini=text.encode())) if isinstance(item, Finding)
    ]
    assert bool(seen) == (found is not None)


def test_the_database_is_updated_as_a_whole_or_not_at_all() -> None:
    (update, _) = STEP.run(_pair())
    assert isinstance(update.act, Run)
    script = update.act.input.decode()
    assert script.startswith("begin;")
    assert script.rstrip().endswith("commit;")
    assert "set ip = '192.0.2.20' where ip = '192.0.2.10'" in script
    assert "ON_ERROR_STOP=1" in update.act.argv
