"""What the stand-in does with a message, from the wire to the rows."""

from __future__ import annotations

import hashlib
import smtplib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.standin.machine import accounts, lmtp, mailstore, maps

MESSAGE = (
    b"From: A <a@outside.example>\r\nTo: b@example.org\r\nSubject: Re: caf\xc3\xa9\r\n"
    b"Message-ID: <m@outside>\r\nReferences: <l@outside> <k@outside>\r\n"
    b"Date: Sun, 22 Nov 2026 10:00:00 +0100\r\n\r\nhello\0\r\n"
)


@contextmanager
def listening(deliver: lmtp.Deliver) -> Iterator[smtplib.LMTP]:
    with lmtp.Server(("127.0.0.1", 0), deliver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with smtplib.LMTP("127.0.0.1", server.server_address[1]) as client:
            yield client
        server.shutdown()


def test_lmtp_hands_over_the_very_bytes() -> None:
    seen: list[tuple[bytes, list[str]]] = []

    def deliver(data: bytes, addresses: list[str]) -> list[str]:
        seen.append((data, addresses))
        return ["250 ok" for _ in addresses]

    with listening(deliver) as client:
        client.sendmail("a@outside.example", ["b@example.org"], b"Subject: x\r\n\r\n.dot\r\n..\r\n")
    assert seen == [(b"Subject: x\r\n\r\n.dot\r\n..\r\n", ["b@example.org"])]


def test_lmtp_answers_each_recipient() -> None:
    def deliver(_: bytes, addresses: list[str]) -> list[str]:
        return ["250 ok" if address.startswith("b") else "550 no" for address in addresses]

    with listening(deliver) as client:
        client.ehlo_or_helo_if_needed()
        client.mail("a@outside.example")
        client.rcpt("b@example.org")
        client.rcpt("c@example.org")
        assert client.data(b"x")[0] == 250
        assert client.getreply()[0] == 550


@pytest.mark.parametrize("command", ["NONSENSE", "RCPT TO:nobody", "DATA"])
def test_lmtp_refuses_what_makes_no_sense(command: str) -> None:
    with listening(lambda *_: []) as client:
        assert client.docmd(command)[0] >= 500


def test_a_body_is_named_after_its_uncompressed_content() -> None:
    name = hashlib.sha1(MESSAGE).hexdigest()
    path = mailstore.Body.of(MESSAGE).path()
    assert str(path) == f"/var/spool/cyrus/data/by_hash/{name[0]}/{name[1]}/{name}.zst"


def test_the_row_of_a_body_holds_only_what_postgresql_takes() -> None:
    row = mailstore.body_row(mailstore.Body.of(MESSAGE))
    assert row[5:7] == ("<m@outside>", ["<l@outside>", "<k@outside>"])
    assert row[7].isoformat() == "2026-11-22T09:00:00+00:00"
    assert row[9] == "hello\r\n"


def test_a_message_without_a_date_has_none() -> None:
    assert mailstore.body_row(mailstore.Body.of(b"Subject: x\r\n\r\n"))[7] is None


def test_maps_follow_from_the_directory() -> None:
    domains = [("example.org", ["alias.example.org"])]
    addresses = [
        (1, "ann", "example.org", False, True, "internal"),
        (2, "out", "example.org", False, True, "external"),
        (1, "a", None, True, False, "internal"),
    ]
    found = maps.render(domains, addresses, "192.0.2.10", "relay.example")
    assert found["virtual_domains"] == "example.org OK\nalias.example.org OK\n"
    assert found["virtual_mailbox"] == "ann@example.org OK\nout@example.org OK\n"
    assert found["virtual_alias"] == (
        "a@example.org ann@example.org\na@alias.example.org ann@example.org\n"
    )
    assert found["transport"] == "ann@example.org lmtp:192.0.2.10:2400\n"
    assert found["master_relay_transport"] == "out@example.org smtp:relay.example\n"


def test_a_uid_follows_from_the_address_alone() -> None:
    assert accounts.uid_of("a@example.org") == accounts.uid_of("a@example.org")
    assert accounts.uid_of("a@example.org") != accounts.uid_of("b@example.org")
