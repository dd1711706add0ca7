"""What the target's Postfix would read otherwise, or wouldn't find."""

from __future__ import annotations

import pytest

from tests.fakes import FakeHost
from tests.profiles.troubles import Case, both, found, holds, said, says_no

_MAIN = "/etc/postfix/main.cf"
_LDAP = b"virtual_alias_maps = ldap:/etc/postfix/ldap.cf\n"
_KEY = "/opt/keys/mail.key"

CASES = [
    Case(
        "maps",
        both(
            holds("source", _MAIN, b"x_maps = hash:/etc/postfix/relay\n"),
            holds("source", "/etc/postfix/relay.db", b"\0"),
        ),
        *("map-textless", "blocks", "/etc/postfix/relay"),
    ),
    Case(
        "maps",
        both(
            holds("source", _MAIN, b"x_maps = hash:/etc/postfix/relay\n"),
            holds("source", "/etc/postfix/relay", b"a b\nc\n" + b"d\n" * 6),
        ),
        *(
            "map-syntax",
            "warns",
            "relay has lines that aren't a key and a value: 2, 3, 4, 5, 6 and",
        ),
    ),
    Case(
        "maps",
        both(
            said("target", "postconf -m", "lmdb\n"),
            said("target", "postconf -h default_database_type", "lmdb\n"),
        ),
        *("map-type", "notes", "hash"),
    ),
    Case(
        "maps",
        both(holds("source", _MAIN, _LDAP), said("source", "postconf -m", "hash\nldap\n")),
        *("map-type-missing", "blocks", "ldap"),
    ),
    Case("chroot", lambda source, target: None, "chroot", "notes", "2 services"),
    Case(
        "host-name",
        both(
            holds("source", _MAIN, b"mydomain = example.org\n"),
            said("target", "postconf -h myhostname", "new.example.org\n"),
        ),
        *("host-name", "warns", "call itself new.example.org"),
    ),
    Case(
        "host-name",
        said("target", "postconf -h myhostname", "new.example.org\n"),
        *("host-name-moves", "notes", "here it calls itself new.example.org"),
    ),
    Case(
        "mail-files",
        both(
            holds("source", _MAIN, f"smtpd_tls_key_file = {_KEY}\n".encode()),
            said("source", "ls -d --", f"{_KEY}\n"),
        ),
        *("mail-file-left", "warns", _KEY),
    ),
    Case("queue", lambda source, target: None, "queue", "notes", "2 messages"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_says_no(case: Case) -> None:
    says_no(case)


def test_one_name_on_both_is_no_finding() -> None:
    assert found("host-name", holds("source", _MAIN, b"mydomain = example.org\n")) == []


def test_what_the_configuration_brings_is_no_finding() -> None:
    def alter(source: FakeHost, target: FakeHost) -> None:
        source.files[_MAIN] = b"smtpd_tls_cert_file = /etc/ssl/certs/bm_cert.pem  # /opt/x\n"
        source.said["ls -d --"] = "/etc/ssl/certs/bm_cert.pem\n"

    assert found("mail-files", alter) == []


def test_a_file_that_is_on_both_is_no_finding() -> None:
    listed = both(
        holds("source", _MAIN, f"smtpd_tls_key_file = {_KEY}\n".encode()),
        said("source", "ls -d --", f"{_KEY}\n"),
        said("target", "ls -d --", f"{_KEY}\n"),
    )
    assert found("mail-files", listed) == []
