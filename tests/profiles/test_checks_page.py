"""What the documented procedure forgets or breaks is seen where it exists, and only there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.contract.machines import PASSWORD
from tests.contract.test_steps import HOW, plan
from tests.fakes import FakeHost
from tests.profiles.troubles import LAYOUT, Alter, Case, both, found, held, holds, said, says_no
from transhume.profiles.bluemind import checks_page

_PASSWD = (
    b"root:x:0:0::/root:/bin/bash\nwww-data:x:33:33::/:/usr/sbin/nologin\nanna:x:7:7::/:/bin/sh\n"
)
_HIDDEN = (
    b"20 1 8:1 / / rw - ext4 /dev/sda rw\n23 20 0:21 / /proc rw - proc proc rw,hidepid=invisible\n"
)
_FRIENDS = "bj select configuration -> 'fwAdditionalIPs'"
_OLD = b'PRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\n'


def _there(*paths: str) -> Alter:
    """These files lie on the source alone."""
    return both(*(holds("source", path, b"kept\n") for path in paths))


CASES = [
    Case(
        "cold-mail",
        said("source", "df --block-size=1 --output=used", "Used\n1234567\n"),
        *("trap-mail-only-cold", "notes", "holds 1,234,567 bytes"),
    ),
    *(
        Case(
            "forgotten",
            _there(f"{each.paths[0]}/a", f"{each.paths[0]}/b"),
            *(f"trap-{each.trap}", "notes", f"{each.paths[0]} (entries: 2)"),
        )
        for each in checks_page.FORGOTTEN
    ),
    Case("keycloak", _there(), "trap-keycloak", "notes", "the database keycloak (8,000,000 bytes)"),
    Case(
        "keycloak", _there("/etc/krb5.conf"), "trap-keycloak", "notes", "/etc/krb5.conf (5 bytes)"
    ),
    Case(
        "keycloak",
        _there("/etc/bm-keycloak/x"),
        *("trap-keycloak", "notes", "keycloak (entries: 1)"),
    ),
    Case(
        "other-folders",
        _there("/etc/bm-webmail/settings.ini", "/etc/bm-keycloak/x"),
        *("trap-other-folders", "notes", "behind /etc/bm-webmail (entries: 1)"),
    ),
    Case(
        "dot-files", _there("/etc/bm/.installation"), *("trap-dot-files", "notes", ".installation")
    ),
    Case(
        "dot-files",
        holds("target", "/etc/bm/bm-eas.disabled", b""),
        *("configuration-leftover", "notes", "1 files of /etc/bm are here alone: bm-eas.disabled"),
    ),
    Case(
        "aliases",
        both(
            holds("source", "/etc/aliases", b"# names\nroot: anna\nbackup: anna\n"),
            holds("target", "/etc/aliases", b"root: anna\n"),
        ),
        *("trap-aliases", "notes", "1 of the 2 lines of its /etc/aliases aren't here: backup"),
    ),
    Case(
        "custom-maps",
        _there("/etc/postfix/relay_passwd", "/etc/postfix/relay_passwd.db"),
        *("trap-custom-maps", "notes", "1 files of /etc/postfix that the page doesn't name: relay"),
    ),
    Case(
        "indexed-maps",
        both(holds("source", "/etc/os-release", _OLD), _there("/etc/postfix/transport-flat.db")),
        *("trap-indexed-maps", "notes", "1 indexed maps in /etc/postfix were made by Debian"),
    ),
    Case(
        "cluster-id",
        holds("target", "/etc/bm/mcast.id", b"77aa\n"),
        *("cluster-id", "notes", "'4f2a' and '77aa'"),
    ),
    Case("password", _there(), "trap-password", "notes", "isn't the page's"),
    Case(
        "process-list",
        holds("source", "/etc/passwd", _PASSWD),
        *("trap-process-list", "notes", "1 on the source, 0 here"),
    ),
    Case("dump-folder", _there(), "trap-dumps", "notes", "100,000,000 bytes of databases"),
    Case("restore-status", _there(), "trap-restore-status", "notes", "bj (bj, TimeZone=GMT)"),
    Case("triggers", _there(), "trap-triggers", "notes", "28 on 5 tables of bj-data"),
    Case("firewall-save", _there(), "trap-firewall", "notes", "2 further senders: 198.51.100.7"),
    Case(
        "maps-run",
        holds("target", "/etc/postfix/transport-flat", b""),
        *("trap-maps", "notes", "1 of 4 routing tables (4 lines on the source)"),
    ),
    Case("early-clients", _there(), "trap-early-clients", "notes", "5 units start here"),
    Case("second-server", _there(), "trap-second-server", "notes", "postfix.service"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_seen_with_its_numbers(case: Case) -> None:
    says_no(case)


def _rests(source: FakeHost, target: FakeHost) -> None:
    for host in (source, target):
        host.units = dict.fromkeys(host.units, ("active", "disabled"))


@pytest.mark.parametrize(
    ("check", "alter"),
    [
        ("cold-mail", lambda source, target: source.folders.discard("/var/spool/cyrus")),
        ("forgotten", _there()),
        ("keycloak", held("source", "select datname from pg_database", [("bj",), ("bj-data",)])),
        ("other-folders", _there()),
        ("dot-files", _there("/etc/bm/local")),
        ("aliases", _there()),
        ("custom-maps", _there("/etc/postfix/transport-flat.db", "/etc/postfix/postfix-script")),
        ("indexed-maps", _there("/etc/postfix/transport-flat.db")),
        ("cluster-id", _there()),
        ("password", holds("source", "/etc/bm/bm.ini", b"[global]\nuser = bj\npassword = bj\n")),
        (
            "process-list",
            both(
                holds("source", "/etc/passwd", _PASSWD),
                holds("source", "/proc/self/mountinfo", _HIDDEN),
            ),
        ),
        ("dump-folder", said("target", "stat -c %a /tmp", "700\n")),
        ("restore-status", held("target", "select datname from pg_database", [])),
        ("triggers", held("source", "from pg_trigger t", [(0, 0)])),
        ("firewall-save", held("source", _FRIENDS, [(None,)])),
        ("maps-run", _there()),
        ("early-clients", _rests),
        ("second-server", _rests),
    ],
)
def test_where_it_isnt_so_nothing_is_seen(check: str, alter: Alter) -> None:
    assert found(check, alter) == []


@pytest.mark.parametrize(
    ("check", "alter"),
    [
        ("cold-mail", said("source", "df --block-size=1 --output=used", "Used\n")),
        ("password", holds("source", "/etc/bm/bm.ini", None)),
        ("dump-folder", said("target", "stat -c %a /tmp", "?\n")),
        ("early-clients", said("target", "systemctl list-unit-files", 1)),
        ("second-server", said("source", "systemctl list-unit-files", 1)),
    ],
)
def test_what_doesnt_tell_is_unknown(check: str, alter: Alter) -> None:
    assert [item.severity for item in found(check, alter)] == ["unknown"]


def test_no_password_is_told() -> None:
    assert PASSWORD not in repr(found("password"))


def test_each_step_that_a_finding_names_is_in_the_plan() -> None:
    known = {step.key for how in HOW for step in plan(how).steps}
    for name in ("checks_page", "checks_silent"):
        text = (Path(checks_page.__file__).parent / f"{name}.py").read_text()
        named = re.findall(r"nothing to do: the steps? ([a-z-]+)(?: and ([a-z-]+))?", text)
        assert named
        assert {step for pair in named for step in pair if step} <= known
    assert {each.step for each in checks_page.FORGOTTEN} <= known


def test_the_folders_of_the_page_move_by_the_layout() -> None:
    trees = [tree.path for tree in LAYOUT.tree]
    for each in checks_page.FORGOTTEN:
        if each.step == "finish-trees":
            assert any(each.paths[0].startswith(tree) for tree in trees), each
