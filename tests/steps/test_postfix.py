"""Postfix's files on another distribution: adapted where they must be, and not a byte more."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.machines import servers
from tests.fakes import FakeHost
from transhume.core.host import Pair
from transhume.steps.map_names import named
from transhume.steps.map_text import MapText
from transhume.steps.postfix import (
    MAIN,
    MASTER,
    Map,
    adapt_main,
    adapt_master,
    adapted,
    build,
    maps,
    own_maps,
    textless,
)

MAIN_CF = """\
# hash:/in/a/comment is text as well
alias_maps = hash:/etc/aliases, btree:$config_directory/x
virtual_alias_maps = proxy:hash:/etc/postfix/virtual_alias
myhash:is = no map, hash: neither
"""
BULLSEYE = frozenset({"btree", "hash", "regexp"})
TRIXIE = frozenset({"lmdb", "cdb", "regexp"})


def test_where_every_kind_is_known_nothing_changes() -> None:
    assert adapt_main(MAIN_CF, BULLSEYE | TRIXIE | {"dbm"}, "hash") == MAIN_CF


def test_kinds_that_the_target_lacks_become_its_own() -> None:
    lines = adapt_main(MAIN_CF, TRIXIE, "lmdb").splitlines()
    assert lines[1] == "alias_maps = lmdb:/etc/aliases, lmdb:$config_directory/x"
    assert lines[2] == "virtual_alias_maps = proxy:lmdb:/etc/postfix/virtual_alias"
    assert lines[3] == "myhash:is = no map, hash: neither"


def test_the_kind_that_everything_unsaid_has_is_adapted_as_well() -> None:
    """Or the next look would take it for the target's own."""
    text = "default_database_type = hash\ndefault_cache_db_type=btree\nx = hash\n"
    adapted = "default_database_type = lmdb\ndefault_cache_db_type=lmdb\nx = hash\n"
    assert adapt_main(text, TRIXIE, "lmdb") == adapted
    assert adapt_main(text, BULLSEYE, "hash") == text


@given(st.text(), st.sampled_from([BULLSEYE, TRIXIE]), st.sampled_from(["lmdb", "hash"]))
def test_adapting_twice_is_adapting_once(text: str, known: frozenset[str], own: str) -> None:
    once = adapt_main(text, known | {own}, own)
    assert adapt_main(once, known | {own}, own) == once


JAILED = """\
# service type  private unpriv  chroot  wakeup  maxproc command + args
smtp      inet  n       -       y       -       -       smtpd
cleanup   unix  n       -       y       -       0       cleanup
local     unix  -       n       n       -       -       local
"""
FREE = """\
smtp\tinet  n       -       n       -       -       smtpd
  -o smtpd_tls_security_level=may
  -o y
#smtps    inet  n       -       n       -       -       smtpd
local     unix  -       n       n       -       -       local
own       unix  -       n       n       -       -       pipe user=x argv=/bin/x
unknown line
"""


def test_the_targets_habit_of_jails_is_kept_service_by_service() -> None:
    assert adapt_master(FREE, JAILED).splitlines() == [
        "smtp\tinet  n       -       y       -       -       smtpd",
        "  -o smtpd_tls_security_level=may",
        "  -o y",
        "#smtps    inet  n       -       n       -       -       smtpd",
        "local     unix  -       n       n       -       -       local",
        "own       unix  -       n       y       -       -       pipe user=x argv=/bin/x",
        "unknown line",
    ]


@given(st.text())
def test_any_text_is_adapted_to_itself_without_change(text: str) -> None:
    assert adapt_master(text, text) == text


def test_services_keep_their_jails_where_the_target_has_no_file() -> None:
    assert "y" not in adapt_master(FREE, "").replace("security", "").replace("-o y", "").split()


def _pair() -> Pair:
    return servers()


def _host(pair: Pair, place: str) -> FakeHost:
    host = pair.source if place == "source" else pair.target
    assert isinstance(host, FakeHost)
    return host


def test_a_file_in_another_encoding_keeps_its_bytes() -> None:
    pair = _pair()
    _host(pair, "source").files[MAIN] = b"# caf\xe9\nalias_maps = hash:/etc/aliases\n"
    assert adapted(pair)[MAIN] == b"# caf\xe9\nalias_maps = hash:/etc/aliases\n"
    assert maps(pair) == []


def test_line_ends_stay_as_they_are() -> None:
    pair = _pair()
    text = b"smtp inet n - - - - smtpd\r\n  -o x\x85y\r\n"
    _host(pair, "source").files[MASTER] = text
    _host(pair, "target").files[MASTER] = text
    assert adapted(pair)[MASTER] == text


def test_the_maps_are_those_that_main_cf_names_and_that_have_a_text() -> None:
    pair = _pair()
    source, target = _host(pair, "source"), _host(pair, "target")
    source.files[MAIN] = b"a = hash:/etc/postfix/transport hash:/etc/aliases hash:/gone\n"
    source.files["/etc/aliases"] = b"root: admin\n"
    target.said["postconf -m"] = "lmdb\n"
    target.said["postconf -h default_database_type"] = "lmdb\n"
    target.said["postconf -d"] = "config_directory = /etc/postfix\n"
    assert maps(pair) == [
        Map("lmdb", "/etc/aliases", "/etc/aliases", aliases=True),
        Map("lmdb", "/etc/postfix/transport", "/etc/postfix/transport-flat"),
    ]


@pytest.mark.parametrize(
    ("main", "path"),
    [
        (b"x = hash:$config_directory/relay\n", "/etc/postfix/relay"),
        (b"base=/etc\nx =\n  hash:${base}/$(name)\nname = relay\n", "/etc/relay"),
        (b"kind = hash\nx = proxy:$kind:/relay\n", "/relay"),
        (b"config_directory = /own\nx = hash:$config_directory/relay\n", "/own/relay"),
    ],
)
def test_a_map_is_known_by_what_main_cf_calls_it(main: bytes, path: str) -> None:
    pair = _pair()
    source = _host(pair, "source")
    source.files |= {MAIN: main, path: b"a b\n"}
    assert maps(pair) == [Map("hash", path, path)]
    del source.files[path]
    source.files[f"{path}.db"] = b"\0"
    assert textless(pair) == [path]


def test_a_master_cf_names_maps_as_well() -> None:
    pair = _pair()
    source = _host(pair, "source")
    source.files[MASTER] += b"  -o x=hash:$config_directory/relay\n"
    source.files["/etc/postfix/relay"] = b"a b\n"
    assert maps(pair) == [Map("hash", "/etc/postfix/relay", "/etc/postfix/relay")]


def test_a_map_that_nobody_has_set_is_known_to_the_machine_that_reads_it() -> None:
    pair = _pair()
    source, target = _host(pair, "source"), _host(pair, "target")
    source.files |= {MAIN: b"# alias_maps = hash:/x\n", "/etc/aliases": b"root: a\n"}
    target.said["postconf -d"] = "alias_maps = lmdb:/etc/aliases\n"
    known = Map("lmdb", "/etc/aliases", "/etc/aliases", aliases=True)
    assert maps(pair) == [known]
    assert own_maps(source) == [Map("hash", "/etc/aliases", "/etc/aliases", aliases=True)]


def test_aliases_are_indexed_as_such_wherever_they_are() -> None:
    pair = _pair()
    source = _host(pair, "source")
    source.files |= {MAIN: b"alias_maps = hash:/etc/mail/aliases\n", "/etc/mail/aliases": b"a: b"}
    (found,) = maps(pair)
    assert (found.indexer, found.read(source)) == ("postalias", MapText({"a": "b"}))


def test_what_postfix_fills_itself_needs_no_text() -> None:
    pair = _pair()
    source = _host(pair, "source")
    source.files[MAIN] = b"smtp_tls_session_cache_database = btree:${data_directory}/smtp\n"
    source.files["/var/lib/postfix/smtp.db"] = b"\0"
    _host(pair, "target").said["postconf -d"] = "data_directory = /var/lib/postfix\n"
    assert textless(pair) == []


@given(st.text("ab$={}()\n :/h"))
def test_any_main_cf_is_read_to_its_end(text: str) -> None:
    named(f"{text}\na = $b$b$b hash:/x\nb = $a$a$a", text, text)


@pytest.fixture
def postmap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A postmap that makes an index, or fails and leaves half of one."""
    program = tmp_path / "postmap"
    program.write_text('#!/bin/sh\necho index > "${1#*:}.db"; exit $(cat $0.status)\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


@pytest.mark.programs("sh", "postmap", faked=True)
@pytest.mark.parametrize("flat", ["x-flat", "x"])
@pytest.mark.parametrize("status", [0, 1])
def test_half_an_index_isnt_put_in_place(postmap: Path, flat: str, status: int) -> None:
    (postmap / "postmap.status").write_text(str(status))
    argv = build(Map("hash", f"{postmap}/x", f"{postmap}/{flat}")).argv
    assert subprocess.run(argv, check=False).returncode == status
    if flat == "x-flat":
        assert (postmap / "x.db").exists() == (status == 0)
        assert (postmap / "x-flat.db").exists() == (status == 1)
