"""Every check passes on two healthy servers, and says no to what it is there for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.machines import UNITS, servers
from tests.fakes import FakeHost
from transhume.core.check import Check
from transhume.core.finding import Finding
from transhume.errors import Unreachable
from transhume.profiles.bluemind.checks import checks, version
from transhume.profiles.bluemind.layout import load

CHECKS = {check.key: check for check in checks(load("bluemind-5"))}
Alter = Callable[[FakeHost, FakeHost], Any]
Case = tuple[str, Alter, str, str, str]


def _said(host: FakeHost, words: str, answer: Any) -> None:
    host.said[words] = answer


def _held(host: FakeHost, piece: str, rows: Any) -> None:
    host.held[piece] = rows


def _ini(host: FakeHost, text: str) -> None:
    host.files["/etc/bm/bm.ini"] = text.encode()


def _executing(host: FakeHost, state: object) -> None:
    host.served["/api/scheduledjobs/_job/DataProtect"] = state


def _two(host: FakeHost) -> None:
    _held(host, "bj select name, ip from t_server", [("a", "192.0.2.1"), ("b", "192.0.2.2")])


_OLD = "bm-core 4.9.1-1 installed\n"
_LESS = "bm-core 5.1.2-1 installed\n"
_OTHER = "bm-core 5.1.3-1 installed\nbm-plugin-ldap 5.1.3-1 installed\n"
_LDAP = "bm-core 5.1.2-1 installed\nbm-plugin-ldap 5.1.2-1 config-files\n"
_RSYNC = "rsync  version 3.2.3  protocol version 31\n"
_URL = "[global]\nexternal-url = other.example.org\nuser = bj\n"
_AVAIL = "df --block-size=1 --output=avail"
_INODES = "df --block-size=1 --output=iavail"
_SPOOL = "du -s --block-size=1"

# The check, what is altered, the finding's key, its severity, and a word of what is seen.
REFUSED: list[Case] = [
    ("root", lambda s, t: _said(s, "id -u", "1000\n"), "not-root", "blocks", "root"),
    ("programs", lambda s, t: _said(s, "which rsync", 1), "program-missing", "blocks", "rsync"),
    ("programs", lambda s, t: _said(t, "which nft", 1), "program-missing", "blocks", "nft"),
    ("bluemind", lambda s, t: _said(s, "dpkg-query", ""), "no-bluemind", "blocks", "no BlueMind"),
    ("bluemind", lambda s, t: _said(s, "dpkg-query", _OLD), "version-unknown", "blocks", "4.9.1"),
    ("version", lambda s, t: _said(t, "dpkg-query", _OTHER), "version-differs", "blocks", "5.1.3"),
    ("version", lambda s, t: _said(t, "dpkg-query", 1), "version-differs", "blocks", "none here"),
    ("plugins", lambda s, t: _said(t, "dpkg-query", _LESS), "package-missing", "blocks", "ldap"),
    ("plugins", lambda s, t: _said(t, "dpkg-query", _LDAP), "package-missing", "blocks", "ldap"),
    ("wizard", lambda s, t: t.files.pop("/etc/bm/bm.ini"), "wizard", "blocks", "wizard"),
    ("wizard", lambda s, t: t.files.pop("/etc/bm/server.uid"), "wizard", "blocks", "wizard"),
    ("wizard", lambda s, t: _ini(t, "no section = 1\n"), "wizard", "blocks", "wizard"),
    ("external-url", lambda s, t: _ini(t, _URL), "external-url", "blocks", "other.example.org"),
    (
        "subscription",
        lambda s, t: t.files.pop("/etc/bm/subscription.bmz"),
        *("subscription", "warns", "no subscription"),
    ),
    ("servers", lambda s, t: _two(s), "several-servers", "blocks", "b (192.0.2.2)"),
    (
        "archive-kind",
        lambda s, t: _held(s, "bj select configuration -> 'archive_kind'", [("s3",)]),
        *("archive-kind", "warns", "s3"),
    ),
    (
        "backup-job",
        lambda s, t: _executing(s, {"executing": True}),
        *("backup-running", "warns", "running"),
    ),
    (
        "exchanged",
        lambda s, t: _held(t, "select count(*), max(", [(1, "2027-01-01")]),
        *("exchanged", "blocks", "2027"),
    ),
    (
        "postgresql",
        lambda s, t: _held(t, "server_version_num", [(14,)]),
        *("postgresql-older", "blocks", "PostgreSQL 14 here, 15"),
    ),
    (
        "extensions",
        lambda s, t: _held(t, "select name from pg_available_extensions", [("hstore",)]),
        *("extension-missing", "blocks", "pg_repack"),
    ),
    (
        "locales",
        lambda s, t: _held(t, "select 1 from pg_collation", []),
        *("locale-missing", "blocks", "C.UTF-8"),
    ),
    (
        "time-zones",
        lambda s, t: _held(s, 'select "timezone"::text', [("US/Pacific", 7)]),
        *("timezone-unknown", "blocks", "US/Pacific"),
    ),
    (
        "users",
        lambda s, t: _said(t, "getent passwd", 2),
        *("user-missing", "blocks", "root owns files"),
    ),
    ("users", lambda s, t: _said(t, "getent group", 2), "group-missing", "blocks", "group root"),
    ("room", lambda s, t: _said(t, _AVAIL, "Avail\n999\n"), "no-room", "blocks", "999 bytes"),
    ("room", lambda s, t: _said(t, _INODES, "IFree\n9\n"), "no-room", "blocks", "9 inodes"),
    ("rsync", lambda s, t: _said(s, "rsync --version", _RSYNC), "rsync-old", "warns", "3.2"),
    ("clocks", lambda s, t: _said(t, "date +%s", "1795420890\n"), "clocks-differ", "warns", "90 s"),
    ("queue", lambda s, t: None, "queue", "notes", "2 messages"),
]


def _pair(alter: Alter = lambda s, t: None) -> Any:
    pair = servers()
    source, target = pair.source, pair.target
    assert isinstance(source, FakeHost)
    assert isinstance(target, FakeHost)
    source.said |= {f"find {folder}": "root\n" for folder in source.folders}
    for host in (source, target):
        host.held.setdefault("from pg_settings", [])
    alter(source, target)
    return pair


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]}-{case[2]}")
def test_it_says_no(case: Case) -> None:
    check, alter, key, severity, word = case
    found = CHECKS[check].findings(_pair(alter))
    assert {(item.key, item.severity) for item in found} == {(key, severity)}
    assert word in " ".join(item.seen for item in found)
    for item in found:
        assert severity == "notes" or (item.why and item.remedy)


def test_every_check_is_able_to_say_no() -> None:
    assert {case[0] for case in REFUSED} | {"settings"} == set(CHECKS)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_it_passes_two_healthy_servers(check: Check) -> None:
    assert [item for item in check.findings(_pair()) if item.severity != "notes"] == []


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_what_cant_be_looked_at_is_unknown(check: Check) -> None:
    """No machine answers anything: unknown is not a pass."""
    pair = servers()
    for host in (pair.source, pair.target):
        for name in ("ask", "read", "file", "sql", "api"):
            setattr(host, name, _unreachable)
    (found,) = check.findings(pair)
    assert (found.key, found.severity) == (check.key, "unknown")
    assert "it can't be reached" in found.seen


def _unreachable(*words: object) -> object:
    raise Unreachable("it can't be reached")


@pytest.mark.parametrize("junk", ["", "nonsense\n", "\0\n\n"])
def test_an_answer_that_makes_no_sense_is_no_traceback(junk: str) -> None:
    def alter(source: FakeHost, target: FakeHost) -> None:
        for host in (source, target):
            host.said = dict.fromkeys([*host.said, "find", "which", "test"], junk)
            host.files = {path: junk.encode() for path in host.files}
            host.units = dict(UNITS)

    for check in CHECKS.values():
        assert all(isinstance(item, Finding) for item in check.findings(_pair(alter)))


@pytest.mark.parametrize(
    ("printed", "expected"),
    [(_LESS, "5.1.2"), ("", None), ("bm-core 5.1 config-files\n", None)],
)
def test_what_a_distribution_adds_isnt_the_version(printed: str, expected: str | None) -> None:
    assert version(FakeHost("source", said={"dpkg-query": printed})) == expected


def test_what_the_source_purged_since_the_rehearsal_doesnt_exchange_the_machines() -> None:
    """The target's copy then holds more messages, but no newer one."""

    def alter(source: FakeHost, target: FakeHost) -> None:
        _held(target, "select count(*), max(", [(99, "2026-11-22")])

    assert CHECKS["exchanged"].findings(_pair(alter)) == []


def test_a_fresh_target_holds_nothing_newer() -> None:
    def alter(source: FakeHost, target: FakeHost) -> None:
        _held(target, "select 1 from pg_database", [])

    assert CHECKS["exchanged"].findings(_pair(alter)) == []


@pytest.mark.parametrize("state", [None, {}, {"executing": False}])
def test_a_backup_job_that_nobody_knows_or_that_rests_is_no_finding(state: object) -> None:
    def alter(source: FakeHost, target: FakeHost) -> None:
        _executing(source, state)

    assert CHECKS["backup-job"].findings(_pair(alter)) == []


def test_without_any_tree_nobody_owns_anything() -> None:
    def alter(source: FakeHost, target: FakeHost) -> None:
        source.folders, source.said["test -d"] = set(), 1

    assert CHECKS["users"].findings(_pair(alter)) == []


def test_names_of_time_zones_are_counted_over_all_databases() -> None:
    def alter(source: FakeHost, target: FakeHost) -> None:
        _held(source, 'select "timezone"::text', [("US/Pacific", 7), ("Asia/Calcutta", 1)])

    (found,) = CHECKS["time-zones"].findings(_pair(alter))
    assert found.seen == "2 names used by 16 rows aren't known here: Asia/Calcutta, US/Pacific"


def test_a_dash_for_inodes_is_room_enough() -> None:
    assert CHECKS["room"].findings(_pair(lambda s, t: _said(t, _INODES, "IFree\n-\n"))) == []


def test_what_is_on_the_target_already_needs_no_room() -> None:
    def alter(source: FakeHost, target: FakeHost) -> None:
        target.folders |= source.folders
        _said(target, _AVAIL, "Avail\n1\n")

    assert CHECKS["room"].findings(_pair(alter)) == []
