"""A visitor's look: what a client would meet, seen before any client is let in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract.machines import servers
from tests.fakes import FakeHost
from transhume.core.change import Await
from transhume.core.finding import Finding
from transhume.steps.visit import Visit

STEP = Visit(
    "postfix.service",
    "/etc/ssl/certs/bm_cert.pem",
    "192.0.2.10",
    "/etc/postfix/virtual_mailbox-flat",
)
OTHER = "-----BEGIN CERTIFICATE-----\nOTHER\n-----END CERTIFICATE-----\n"


def _found(alter: Callable[[FakeHost, FakeHost], object]) -> list[str]:
    pair = servers()
    assert isinstance(pair.source, FakeHost)
    assert isinstance(pair.target, FakeHost)
    alter(pair.source, pair.target)
    return [item.key for item in STEP.verify(pair) if isinstance(item, Finding)]


def _said(host: FakeHost, words: str, answer: str | int) -> None:
    host.said[words] = answer


def test_what_answers_as_the_source_did_passes() -> None:
    assert _found(lambda source, target: None) == []


@pytest.mark.parametrize("answer", ["CONNECTED(00000003)\n", 1])
def test_mail_that_offers_no_starttls_is_told(answer: str | int) -> None:
    assert _found(lambda s, t: _said(t, "openssl s_client", answer)) == ["smtp-unanswered"]


def test_another_certificate_is_told() -> None:
    assert _found(lambda s, t: _said(t, "openssl s_client", OTHER)) == ["certificate-differs"]


def test_without_a_certificate_on_the_source_any_will_do() -> None:
    assert _found(lambda s, t: s.files.pop("/etc/ssl/certs/bm_cert.pem")) == []


@pytest.mark.parametrize("answer", ["000", "502", "404", 7])
def test_a_page_that_doesnt_answer_is_told(answer: str | int) -> None:
    assert _found(lambda s, t: _said(t, "curl", answer)) == ["web-unanswered"] * 2


@pytest.mark.parametrize("answer", ["200", "302", "301"])
def test_a_page_or_the_way_to_one_passes(answer: str) -> None:
    assert _found(lambda s, t: _said(t, "curl", answer)) == []


def _answers(target: FakeHost, known: int, unknown: int) -> list[tuple[str, ...]]:
    asked: list[tuple[str, ...]] = []

    def recipients(address: str, *wanted: str) -> tuple[int, ...]:
        asked.append(wanted)
        return known, unknown

    target.recipients = recipients  # type: ignore[method-assign]
    return asked


@pytest.mark.parametrize(
    ("codes", "keys"),
    [
        ((250, 550), []),
        ((450, 550), ["recipient-refused"]),
        ((250, 250), ["stranger-accepted"]),
        ((550, 252), ["recipient-refused", "stranger-accepted"]),
    ],
)
def test_mail_is_taken_for_those_who_are_here(codes: tuple[int, int], keys: list[str]) -> None:
    assert _found(lambda s, t: _answers(t, *codes)) == keys


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (b"@example.org catch-all\nexample.org x\nann@example.org x\n", "ann@example.org"),
        (b"@example.org catch-all\n", None),
        (b"# nobody yet\n", None),
        (None, None),
    ],
)
def test_somebody_is_a_person(text: bytes | None, asked: str | None) -> None:
    noted: list[list[tuple[str, ...]]] = []

    def alter(source: FakeHost, target: FakeHost) -> None:
        source.files["/etc/postfix/virtual_mailbox-flat"] = text or b""
        noted.append(_answers(target, 250, 550))

    assert _found(alter) == []
    assert [wanted[0] for wanted in noted[0]] == ([asked] if asked else [])


@pytest.mark.parametrize(
    ("address", "written"), [("192.0.2.10", "192.0.2.10:25"), ("2001:db8::1", "[2001:db8::1]:25")]
)
def test_the_banner_is_awaited_at_the_address_of_people(address: str, written: str) -> None:
    changes = Visit("postfix.service", "/c", address, "/m").run(servers())
    (wait,) = [change.act for change in changes if isinstance(change.act, Await)]
    assert written in wait.argv
