"""BlueMind's own checks, and what holds for every check of a move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract import machines
from tests.contract.machines import UNITS
from tests.fakes import FakeHost
from tests.profiles import test_checks_page
from tests.profiles.troubles import (
    CHECKS,
    LAYOUT,
    Case,
    both,
    found,
    held,
    holds,
    pair,
    said,
    says_no,
    serves,
)
from tests.steps.requirements import test_machines, test_mail, test_postgres, test_trees
from transhume.core.check import Check
from transhume.core.finding import Finding
from transhume.core.once import once
from transhume.errors import Unreachable
from transhume.profiles.bluemind.checks import checks
from transhume.profiles.bluemind.checks_installed import version

_OLD = "bm-core 4.9.1-1 installed\n"
_LESS = "bm-core 5.1.2-1 installed\n"
_OTHER = "bm-core 5.1.3-1 installed\nbm-plugin-ldap 5.1.3-1 installed\n"
_MIXED = "bm-core 5.1.2-1 installed\nbm-plugin-ldap 5.1.3-1 installed\n"
_MORE = f"{_OTHER}bm-mapi 5.1.3-1 installed\n"
_LDAP = "bm-core 5.1.2-1 installed\nbm-plugin-ldap 5.1.2-1 config-files\n"
_URL = b"[global]\nexternal-url = other.example.org\nuser = bj\n"
_INI = "/etc/bm/bm.ini"
_STATE = "/api/system/installation/state"
_SUBSCRIPTION = "/api/system/installation/subscription"
_JOB = "/api/scheduledjobs/_job/DataProtect"
_NOW = 1795420800
_PLAN = {"kind": "SCHEDULED", "rec": {"cronString": "0 0 23 * * ?"}, "domain": "global.virt"}


def _job(status: str = "SUCCESS", **plan: Any) -> dict[str, Any]:
    """The backup job as the real core tells it (net.bluemind.scheduledjob.api.Job)."""
    return {
        "domainStatus": [{"domain": "global.virt", "status": status}],
        "domainPlanification": [{**_PLAN, "lastRun": (_NOW - 9) * 1000, "nextRun": None, **plan}],
        "id": "DataProtect",
        "kind": "GLOBAL",
        "sendReport": False,
        "recipients": None,
    }


_SERVERS = "bj select name, ip from t_server"
_TOP = "find /var/spool /var/lib -mindepth 1"
_ELASTIC = "/usr/share/bm-elasticsearch/config/elasticsearch.yml"

CASES = [
    Case("bluemind", said("source", "dpkg-query", ""), "no-bluemind", "blocks", "no BlueMind"),
    Case("bluemind", said("source", "dpkg-query", _OLD), "version-unknown", "blocks", "4.9.1"),
    Case("version", said("target", "dpkg-query", _OTHER), "version-differs", "blocks", "5.1.3"),
    Case("version", said("target", "dpkg-query", 1), "version-differs", "blocks", "none here"),
    Case("plugins", said("target", "dpkg-query", _LESS), "package-missing", "blocks", "ldap"),
    Case("plugins", said("target", "dpkg-query", _LDAP), "package-missing", "blocks", "ldap"),
    Case("plugins", said("target", "dpkg-query", _MIXED), "package-differs", "blocks", "5.1.3"),
    Case(
        "plugins",
        both(said("target", "dpkg-query", _MORE), said("source", "dpkg-query", _OTHER)),
        *("package-extra", "notes", "bm-mapi"),
    ),
    Case("wizard", holds("target", _INI, None), "wizard", "blocks", "wizard"),
    Case("wizard", holds("target", "/etc/bm/server.uid", None), "wizard", "blocks", "wizard"),
    Case("wizard", holds("target", _INI, b"no section = 1\n"), "wizard", "blocks", "wizard"),
    Case("external-url", holds("target", _INI, _URL), "external-url", "blocks", "other.example"),
    Case(
        "subscription",
        holds("target", "/etc/bm/subscription.bmz", None),
        *("subscription", "warns", "no subscription"),
    ),
    Case(
        "subscription",
        serves("target", _SUBSCRIPTION, {"valid": False}),
        *("subscription-ends", "warns", "isn't valid there"),
    ),
    Case(
        "subscription",
        serves("source", _SUBSCRIPTION, {"valid": True, "ends": (_NOW + 86400) * 1000}),
        *("subscription-ends", "warns", "ends on 2026-11-24"),
    ),
    Case(
        "servers",
        held("source", _SERVERS, [("a", "192.0.2.1"), ("b", "192.0.2.2")]),
        *("several-servers", "blocks", "b (192.0.2.2)"),
    ),
    Case(
        "own-address",
        held("source", _SERVERS, [("mail", "10.0.0.5")]),
        *("address-unknown", "warns", "10.0.0.5"),
    ),
    Case(
        "archive-kind",
        held("source", "bj select configuration -> 'archive_kind'", [("s3",)]),
        *("archive-kind", "warns", "s3"),
    ),
    Case(
        "core",
        serves("source", _STATE, "core.state.maintenance"),
        *("core-state", "warns", "maintenance"),
    ),
    Case(
        "core",
        said("source", "systemctl list-units --state=failed", "bm-tika.service loaded failed x\n"),
        *("unit-failed", "warns", "bm-tika.service"),
    ),
    Case(
        "certificate",
        said("source", "openssl x509 -noout -checkend", 1),
        *("certificate-ends", "warns", "Nov 23 02:00:00 2027"),
    ),
    Case(
        "backup-job",
        serves("source", _JOB, _job("IN_PROGRESS")),
        *("backup-running", "warns", "running (global.virt)"),
    ),
    Case(
        "windows",
        said("source", "date +%s %H %M", f"{_NOW} 00 50\n"),
        *("window-repack", "warns", "pg_repack begins there in 10 min"),
    ),
    Case(
        "windows",
        held("source", "where application_name like 'pg_repack%'", [(1,)]),
        *("repack-running", "warns", "running"),
    ),
    Case(
        "windows",
        serves("source", _JOB, _job(nextRun=(_NOW + 600) * 1000)),
        *("window-backup", "warns", "in 10 min"),
    ),
    Case(
        "data",
        said("source", _TOP, "/var/spool/bm-hsm\0/var/lib/bm-odd\0"),
        *("data-left", "warns", "/var/lib/bm-odd is none"),
    ),
    Case(
        "local",
        holds("source", "/usr/local/bin/nightly", b"#!/bin/sh\n"),
        *("local-left", "notes", "/usr/local/bin/nightly"),
    ),
    Case(
        "switched-off",
        holds("source", "/etc/bm/bm-tika.disabled", b""),
        *("service-disabled", "notes", "bm-tika"),
    ),
    Case(
        "switched-off",
        holds("target", "/etc/bm/bm-eas.disabled", b""),
        *("service-leftover", "notes", "bm-eas"),
    ),
    Case(
        "cluster-name",
        holds("source", _ELASTIC, b'cluster.name: "bluemind-other"\n'),
        *("cluster-name", "warns", "bluemind-4f2a"),
    ),
    Case(
        "dumps",
        holds("target", "/tmp/dump-bj.sql", b"PGDMP"),
        *("dump-readable", "warns", "/tmp/dump-bj.sql"),
    ),
    Case(
        "access",
        holds("source", "/etc/postgresql/15/main/pg_hba.conf", b"host all wiki 10.0.0.0/8 md5\n"),
        *("pg-hba", "notes", "host all wiki 10.0.0.0/8"),
    ),
]
EVERY = [
    *CASES,
    *test_checks_page.CASES,
    *test_machines.CASES,
    *test_trees.CASES,
    *test_postgres.CASES,
    *test_mail.CASES,
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_says_no(case: Case) -> None:
    says_no(case)


def test_every_check_is_able_to_say_no() -> None:
    assert {case.check for case in EVERY} | {"old-address", "new-address"} == set(CHECKS)


def test_where_the_old_address_stands_is_told_when_it_changes() -> None:
    known = {check.key: check for check in checks(LAYOUT, machines.settings("none"), 2)}
    told = pair(said("source", "grep", "/etc/bm/bm.ini\n/etc/hosts\n"))
    (seen,) = known["old-address"].findings(told)
    assert "192.0.2.10 stands in 2 files of /etc (/etc/bm/bm.ini, /etc/hosts)" in seen.seen
    assert "t_server 1, rc_users 3, t_systemconf 1" in seen.seen
    assert CHECKS["old-address"].findings(pair()) == []


def test_the_address_that_the_target_keeps_must_be_its_own() -> None:
    check = {each.key: each for each in checks(LAYOUT, machines.settings("none"), 2)}["new-address"]
    (seen,) = check.findings(pair())
    assert (seen.key, seen.severity) == ("address-not-held", "blocks")
    assert "192.0.2.20" in seen.seen
    asked = "ip -j addr show to 192.0.2.20"
    assert check.findings(pair(said("target", asked, "[{},{}]"))) != [], "a filter leaves these out"
    held = '[{},{"ifname":"ens3","addr_info":[{"local":"192.0.2.20"}]}]'
    assert check.findings(pair(said("target", asked, held))) == []
    assert CHECKS["new-address"].findings(pair()) == []


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_it_passes_two_healthy_servers(check: Check) -> None:
    assert [item for item in check.findings(pair()) if item.severity != "notes"] == []


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_what_cant_be_looked_at_is_unknown(check: Check) -> None:
    """No machine answers anything: unknown is not a pass."""
    made = pair()
    for host in (made.source, made.target):
        for name in ("ask", "read", "file", "sql", "api", "agent"):
            setattr(host, name, _unreachable)
    if check.key in ("old-address", "new-address"):
        return  # They ask nothing unless the address changes.
    (seen,) = check.findings(made)
    assert (seen.key, seen.severity) == (check.key, "unknown")
    assert "it can't be reached" in seen.seen


def _unreachable(*words: object) -> object:
    raise Unreachable("it can't be reached")


@pytest.mark.parametrize("junk", ["", "nonsense\n", "\0\n\n"])
def test_an_answer_that_makes_no_sense_is_no_traceback(junk: str) -> None:
    def alter(source: FakeHost, target: FakeHost) -> None:
        for host in (source, target):
            host.said = dict.fromkeys([*host.said, "find", "which", "test"], junk)
            host.files = {path: junk.encode() for path in host.files}
            host.printed = {"survey": [junk.encode()], "probe": [junk.encode()]}
            host.units = dict(UNITS)

    for check in CHECKS.values():
        assert all(isinstance(item, Finding) for item in check.findings(pair(alter)))


@pytest.mark.parametrize(
    ("printed", "expected"),
    [(_LESS, "5.1.2"), ("", None), ("bm-core 5.1 config-files\n", None)],
)
def test_what_a_distribution_adds_isnt_the_version(printed: str, expected: str | None) -> None:
    host = FakeHost("source", said={"dpkg-query": printed, "which": "/usr/bin/dpkg-query\n"})
    assert version(host) == expected


def test_a_machine_without_dpkg_is_asked_by_rpm() -> None:
    host = FakeHost("target", said={"which": 1, "rpm -qa": _LESS})
    assert version(host) == "5.1.2"


@pytest.mark.parametrize("told", [None, _job(), _job("UNKNOWN"), _job("INTERRUPTED")])
def test_a_backup_job_that_isnt_there_or_rests_is_no_finding(told: object) -> None:
    for check in ("backup-job", "windows"):
        assert found(check, serves("source", _JOB, told)) == []


@pytest.mark.parametrize(
    "told",
    [
        *({}, [], "x", {"executing": False}, _job("RESTING"), _job(nextRun="tomorrow")),
        {"domainStatus": None, "domainPlanification": []},
        {"domainStatus": [{"domain": "x"}], "domainPlanification": []},
        {"domainStatus": [], "domainPlanification": ["x"]},
    ],
    ids=str,
)
def test_a_backup_job_that_isnt_understood_is_unknown(told: object) -> None:
    (seen,) = found("backup-job", serves("source", _JOB, told))
    assert seen.severity == "unknown"
    assert "the source's backup job" in seen.seen


def test_a_larger_database_meets_the_nightly_work_from_further_away() -> None:
    late = said("source", "date +%s %H %M", f"{_NOW} 23 30\n")
    large = held("source", "select datname, pg_database_size(oid)", [("bj-data", 10**12)])
    assert found("windows", late) == []
    (seen,) = found("windows", both(late, large))
    assert seen.seen.startswith("pg_repack begins there in 90 min; a dump of 1,000,000,000,000")


def test_without_any_tree_nobody_owns_anything() -> None:
    def alter(source: FakeHost, target: FakeHost) -> None:
        source.printed["survey"] = []

    assert found("users", alter) == []


def test_how_a_login_is_proved_is_the_distributions_habit() -> None:
    path = "/etc/postgresql/15/main/pg_hba.conf"
    there = holds("source", path, b"host  all all ::1/128 md5\n")
    assert (
        found("access", both(there, holds("target", path, b"host all all ::1/128 scram-sha-256")))
        == []
    )


def test_the_trees_are_read_once_for_all_checks() -> None:
    """Six checks look at what one pass over the source has found."""
    made = pair()
    passes: list[str] = []
    told = made.source.agent

    def counted(name: str, *words: str, stdin: bytes = b"") -> Iterator[bytes]:
        passes.append(name)
        return told(name, *words, stdin=stdin)

    vars(made.source)["agent"] = counted
    asked = once(made)
    for check in CHECKS.values():
        check.findings(asked)
    assert passes == ["probe", "survey"]


def test_a_check_that_doesnt_say_so_reads_no_data() -> None:
    """No tree is walked and no table but small ones is read, whatever the size."""

    def alter(source: FakeHost, target: FakeHost) -> None:
        for host in (source, target):
            del host.printed["survey"]
            del host.held['select "timezone"::text']

    made = pair(alter)
    for check in CHECKS.values():
        unknown = [item for item in check.findings(made) if item.severity == "unknown"]
        assert bool(unknown) == check.reads_data, check.key


def test_what_was_seen_before_it_failed_is_told_as_well() -> None:
    def look(_: Any) -> Iterator[Finding]:
        yield Finding("one", "blocks", "source", "seen")
        raise RuntimeError("a mistake of ours")

    seen = Check("odd", "an odd thing", look).findings(pair())
    assert [(item.key, item.severity) for item in seen] == [("one", "blocks"), ("odd", "unknown")]
    assert seen[1].seen == "an odd thing couldn't be checked (RuntimeError: a mistake of ours)"
