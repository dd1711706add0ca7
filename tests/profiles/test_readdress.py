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
from transhume.core.host import Output, Pair
from transhume.errors import StepFailed
from transhume.profiles.bluemind import layout
from transhume.profiles.bluemind.readdress import BackupFolder, OldAddress, Readdress, prove

PLACES = layout.load("bluemind-5").address
STEP = Readdress("192.0.2.20", PLACES)
INI = "/etc/bm/bm.ini"


def _pair(ini: bytes = b"host = 192.0.2.20\n") -> Pair:
    """Two machines, as they are once the copy was made and the new address was put in."""
    pair = servers()
    for host, address in ((pair.source, b"192.0.2.10"), (pair.target, b"192.0.2.20")):
        assert isinstance(host, FakeHost)
        host.held["bj select ip from t_server"] = [(address.decode(),)]
        host.held["select configuration::text"] = [('"mynetworks"=>"192.0.2.20/32"',)]
        host.files[INI] = b"host = " + address + b"\n"
        host.files["/etc/bm/local/tika.ini"] = b"host = " + address + b"\n"
        host.files["/etc/bm-webmail/settings.ini"] = b"[skin]\n"
        host.files["/etc/bm/bm.jks"] = b"\0" + address
    _files(pair)[INI] = ini
    return pair


def _files(pair: Pair) -> dict[str, bytes]:
    assert isinstance(pair.target, FakeHost)
    return pair.target.files


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


def test_every_text_of_the_source_that_names_it_is_changed_and_no_other() -> None:
    script = _script()
    assert script[script.index("--") + 1 :] == (INI, "/etc/bm/local/tika.ini")


def test_files_that_cannot_be_read_stop_the_move() -> None:
    pair = _pair()
    assert isinstance(pair.source, FakeHost)
    pair.source.said["grep"] = Output(2, b"", b"grep: /etc/bm: Permission denied\n")
    with pytest.raises(StepFailed, match=r"files of the source name 192\.0\.2\.10: grep: /etc"):
        list(STEP.run(pair))


@pytest.mark.parametrize("address", ["1/w /etc/cron.d/x;#", "", "mail", None, "../../etc", 7.5])
def test_an_address_that_is_none_reaches_no_script(address: object) -> None:
    pair = _pair()
    assert isinstance(pair.source, FakeHost)
    pair.source.held["bj select ip from t_server"] = [(address,)]
    with pytest.raises(StepFailed, match="stands nowhere"):
        list(STEP.run(pair))


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/bm/../passwd", "/etc/bm.ini", "-e"])
def test_a_file_that_wasnt_asked_for_isnt_changed(path: str) -> None:
    pair = _pair()
    assert isinstance(pair.source, FakeHost)
    pair.source.said["grep"] = f"{INI}\0{path}\0"
    with pytest.raises(StepFailed, match="not asked for"):
        list(STEP.run(pair))


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


@pytest.mark.parametrize(
    "path", ["/etc/postfix/transport-flat", "/etc/bm-iptables/rules.sh", "/etc/bm/kafka.properties"]
)
def test_what_the_core_should_have_written_anew_is_told(path: str) -> None:
    pair = _pair()
    assert list(OldAddress(PLACES).verify(pair)) == []
    _files(pair)[path] = b"x lmtp:192.0.2.10:2400\n"
    (found,) = OldAddress(PLACES).verify(pair)
    assert isinstance(found, Finding)
    assert (found.severity, found.seen) == ("blocks", f"{path} still names 192.0.2.10")


_ASKED = {
    "t_server": "bj select ip from t_server",
    "rc_users": "bj select mail_host from rc_users",
    "t_systemconf": "bj select configuration::text",
}


@pytest.mark.parametrize("table", _ASKED)
def test_a_table_that_names_it_still_is_told(table: str) -> None:
    pair = _pair()
    assert isinstance(pair.target, FakeHost)
    pair.target.held[_ASKED[table]] = [("192.0.2.10",)]
    assert [item.seen for item in OldAddress(PLACES).verify(pair) if isinstance(item, Finding)] == [
        f"{table} still names 192.0.2.10"
    ]


def test_backups_that_moved_along_are_named_after_the_new_address() -> None:
    pair, step = _pair(), BackupFolder("192.0.2.20", PLACES)
    assert list(step.run(pair)) == []
    _files(pair)[f"{PLACES.backups}/192.0.2.10/x"] = b""
    (change,) = step.run(pair)
    assert isinstance(change.act, Run)
    assert change.act.argv[-2:] == tuple(f"{PLACES.backups}/192.0.2.{n}" for n in (10, 20))


def test_backups_of_both_addresses_are_left_to_the_admin() -> None:
    pair, step = _pair(), BackupFolder("192.0.2.20", PLACES)
    for number in (10, 20):
        _files(pair)[f"{PLACES.backups}/192.0.2.{number}/x"] = b""
    assert list(step.run(pair)) == []
    (found,) = step.verify(pair)
    assert isinstance(found, Finding)
    assert found.severity == "warns"


_OPENED = 1000.0


@pytest.mark.parametrize(
    ("path", "seconds", "differing"),
    [
        (INI, "1000", 0),
        (INI, "999", 1),
        # Removed; and what the core alone writes.
        (INI, "", 1),
        ("/etc/postfix/transport-flat", "1000", 1),
    ],
)
def test_who_writes_into_a_file_after_the_opening_may_leave_the_address_out(
    path: str, seconds: str, differing: int
) -> None:
    pair = _pair()
    assert isinstance(pair.source, FakeHost)
    assert isinstance(pair.target, FakeHost)
    pair.source.files[path] = b"192.0.2.10"
    _files(pair)[path] = b"mail.example.org"
    pair.target.said["stat -c %Y"] = f"{seconds}\n" if seconds else Output(1, b"", b"")
    (proof,) = prove(pair, "192.0.2.20", PLACES, _OPENED)
    assert len(proof.differing) == differing
    assert proof.since == 1 - differing
    # Before anybody works here nothing is excused.
    (proof,) = prove(pair, "192.0.2.20", PLACES)
    assert proof.differing == (f"{path}: doesn't name 192.0.2.20",)
