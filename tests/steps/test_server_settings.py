"""PostgreSQL's own settings: what the admin set moves, what is the machine's stays."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fakes import FakeHost
from transhume.core.change import Series, WriteFile, leaves
from transhume.core.finding import Finding, Proof
from transhume.core.host import Pair
from transhume.core.tally import untold
from transhume.steps.server_settings import ServerSettings, understood

STEP = ServerSettings("postgresql.conf.local")
OLD, NEW = "/etc/postgresql/13/main", "/etc/postgresql/17/main"
_STOCK = b"host all all 127.0.0.1/32 %s\n"
_OURS = b"hostssl  all  monitoring  198.51.100.0/24  scram-sha-256"


def _host(place: Any, folder: str, local: bytes, rules: bytes, known: list[tuple[str]]) -> FakeHost:
    files = {f"{folder}/pg_hba.conf": rules, f"{folder}/postgresql.conf.local": local}
    host = FakeHost(place, files, said={"stat -c %.9Y": "100.5\n", "stat -c %Y": "100\n"})
    about = [(1, "host {all} {all} 127.0.0.1")]
    if _OURS in rules:
        about.append((rules.split(b"\n").index(_OURS) + 1, "hostssl {all} {monitoring} 198.51"))
    host.held = {
        "show hba_file": [(f"{folder}/pg_hba.conf",)],
        "from pg_hba_file_rules r": about,
        "from pg_hba_file_rules where error is not null": [],
        "from pg_file_settings": [],
        "select name from pg_settings": known,
        "pg_postmaster_start_time": [(200.0,)],
    }
    return host


@pytest.fixture
def pair() -> Pair:
    names = [("work_mem",), ("wal_level",), ("listen_addresses",)]
    rules = _STOCK % b"md5" + b"# the monitoring\n" + _OURS + b"\n"
    source = _host("source", OLD, b"work_mem = 16MB\nold_setting = 1\n", rules, [])
    return Pair(source, _host("target", NEW, b"wal_level = minimal\n", _STOCK % b"scram", names))


def _written(pair: Pair) -> dict[str, bytes]:
    acts = [change.act for change in STEP.run(pair)]
    return {act.path: act.content for act in acts if isinstance(act, WriteFile)}


def _put(pair: Pair) -> None:
    assert isinstance(pair.target, FakeHost)
    pair.target.files |= _written(pair)
    if "from pg_hba_file_rules r" in pair.target.held:
        assert isinstance(pair.source, FakeHost)
        pair.target.held["from pg_hba_file_rules r"] = pair.source.held["from pg_hba_file_rules r"]


_PIECES = st.sampled_from(
    [
        *(b"archive_command", b"ARCHIVE_mode", b"port", b"work_mem", b"my.own", b"include", b"x"),
        *(b" = ", b"=", b" ", b"\t", b"\r", b"\n", b"\x0b", b"\x1c", b"\xc2\xa0", b"\xff", b"\0"),
        *(b"'", b"'rm -rf /'", b"#", b"-5.0", b"+5432.0", b"1", b".", b"$", b'"', b"\\", b"\x01.x"),
    ]
)
# As PostgreSQL reads a line: guc-file.l, by which blanks and the sign of equality may be missing.
_NAMED = re.compile(rb"[ \t\r]*([A-Za-z_\x80-\xff][\w$\x80-\xff]*)(\.?)", re.ASCII)
_MAY = {b"work_mem", b"wal_level"}


@given(st.lists(_PIECES, max_size=12).map(b"".join))
@example(b"archive_command-5.0")
@example(b"port+5432.0")
def test_no_line_sets_what_this_machine_has_of_its_own(content: bytes) -> None:
    made = understood(content, frozenset({"work_mem", "wal_level"}))
    lines, before = made.split(b"\n"), content.split(b"\n")
    assert len(lines) == len(before)
    for line, was in zip(lines, before, strict=True):
        assert line in (was, b"# not for this server: " + was)
        named = _NAMED.match(line)
        if named:
            assert named[2] or named[1].lower() in _MAY
        else:
            # Anything else would keep the server from starting.
            assert line.strip(b" \t\r")[:1] in (b"", b"#")
    assert understood(made, frozenset({"work_mem", "wal_level"})) == made


@pytest.mark.parametrize("number", [0, -1, 5, 10**9])
def test_a_rule_of_a_line_that_isnt_there_is_no_rule(pair: Pair, number: int) -> None:
    assert isinstance(pair.source, FakeHost)
    pair.source.held["from pg_hba_file_rules r"] = [(number, "host {x} {x} 203.0.113.0")]
    with pytest.raises(ValueError, match="line"):
        list(STEP.run(pair))


def test_a_rule_that_goes_on_in_the_next_line_comes_whole(pair: Pair) -> None:
    """Or the target's next rule would be its end."""
    assert isinstance(pair.source, FakeHost)
    rule = b"host all \\\n  people \\\n  203.0.113.0/24 md5"
    path = f"{OLD}/pg_hba.conf"
    pair.source.files[path] = rule + b"\n" + _STOCK % b"md5"
    pair.source.held["from pg_hba_file_rules r"] = [(1, "host {all} {people} 203.0.113.0")]
    assert rule + b"\n" in _written(pair)[f"{NEW}/pg_hba.conf"]


def test_the_file_comes_with_what_is_not_known_here_left_out(pair: Pair) -> None:
    written = _written(pair)
    assert written[f"{NEW}/postgresql.conf.local"] == (
        b"work_mem = 16MB\n# not for this server: old_setting = 1\n"
    )


def test_a_rule_about_others_comes_after_the_targets_own(pair: Pair) -> None:
    content = _written(pair)[f"{NEW}/pg_hba.conf"]
    assert content.startswith(_STOCK % b"scram")
    assert content.endswith(_OURS + b"\n")
    assert b"md5" not in content


def test_the_server_is_restarted_once_and_the_way_back_restarts_it_too(pair: Pair) -> None:
    changes = list(STEP.run(pair))
    restarts = [change for change in changes if change.title.startswith("restart")]
    assert changes[-1:] == restarts
    for change in changes[:-1]:
        assert isinstance(change.back, Series)
        kinds = [type(act).__name__ for act in leaves(change.back)]
        assert kinds == ["WriteFile", "Run", "Await"]


def test_nothing_is_done_twice_but_a_restart_that_was_missed(pair: Pair) -> None:
    _put(pair)
    assert list(STEP.run(pair)) == []
    assert list(STEP.verify(pair)) == []
    assert isinstance(pair.target, FakeHost)
    pair.target.said["stat -c %.9Y"] = "200.5\n"
    assert [change.title for change in STEP.run(pair)] == ["restart PostgreSQL with them"]


def test_a_file_that_the_server_refuses_is_told(pair: Pair) -> None:
    _put(pair)
    assert isinstance(pair.target, FakeHost)
    pair.target.held["from pg_file_settings"] = [(3, "work_mem", "invalid value")]
    (found,) = STEP.verify(pair)
    assert isinstance(found, Finding)
    assert found.seen == f"{NEW}/postgresql.conf.local line 3, work_mem: invalid value"


def test_without_a_file_of_its_own_the_source_has_nothing_to_bring(pair: Pair) -> None:
    assert isinstance(pair.source, FakeHost)
    del pair.source.files[f"{OLD}/postgresql.conf.local"]
    pair.source.held["from pg_hba_file_rules r"] = [(1, "host {all} {all} 127.0.0.1")]
    assert list(STEP.run(pair)) == []
    assert list(STEP.verify(pair)) == []


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("work_mem = 16MB", True),
        ("  WORK_MEM 16MB # tuned", True),
        ("# a comment = 1", True),
        ("", True),
        ("bm.partitions = 4", True),
        ("listen_addresses = '192.0.2.10'", False),
        ("include 'other.conf'", False),
        ("wal_keep_segments=4", False),
        ("listen_addresses'*'", False),
        ("\tlisten_addresses", False),
        ("work_mem'16MB'", True),
        ("archive_command = 'true'", False),
    ],
)
def test_what_is_for_this_server(line: str, kept: bool) -> None:
    known = frozenset({"work_mem"})
    assert understood(line.encode(), known) == (
        line.encode() if kept else f"# not for this server: {line}".encode()
    )


def test_no_program_that_the_source_runs_is_run_here(pair: Pair) -> None:
    assert isinstance(pair.source, FakeHost)
    assert isinstance(pair.target, FakeHost)
    lines = b"archive_mode = on\narchive_command'touch /tmp/%f'\nwork_mem = 1MB\n"
    pair.source.files[f"{OLD}/postgresql.conf.local"] = lines
    pair.target.held["select name from pg_settings"] = [
        (name,) for name in ("archive_mode", "archive_command", "work_mem")
    ]
    first = next(iter(STEP.run(pair))).act
    assert isinstance(first, WriteFile)
    kept = [line for line in first.content.decode().split("\n") if not line.startswith("#")]
    assert kept == ["work_mem = 1MB", ""]


OPENED = 1_700_000_000.0


def _proof(pair: Pair) -> Proof:
    (proof,) = STEP.prove(pair, OPENED, untold)
    return proof


def test_what_was_brought_is_proved_at_any_time_afterwards(pair: Pair) -> None:
    lacking = _proof(pair)
    assert [line.partition(":")[0] for line in lacking.differing] == [
        f"{NEW}/postgresql.conf.local",
        f"{NEW}/pg_hba.conf",
    ]
    assert "no rule about hostssl {all} {monitoring}" in lacking.differing[1]
    _put(pair)
    assert (_proof(pair).compared, _proof(pair).whole) == (3, True)


def test_what_people_set_since_the_opening_is_theirs(pair: Pair) -> None:
    assert isinstance(pair.target, FakeHost)
    pair.target.said["stat -c %Y"] = f"{OPENED + 60:.0f}\n"
    assert (_proof(pair).whole, _proof(pair).since) == (True, 2)


def test_what_the_server_doesnt_understand_differs_whenever_it_was_written(pair: Pair) -> None:
    _put(pair)
    assert isinstance(pair.target, FakeHost)
    pair.target.held["from pg_file_settings"] = [(1, "work_mem", "no such unit")]
    assert "work_mem: no such unit" in _proof(pair).differing[0]
