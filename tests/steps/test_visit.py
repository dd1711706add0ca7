"""A visitor's look: what a client would meet, seen before any client is let in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.machines import servers
from tests.fakes import FakeHost
from transhume.core.change import Await, WriteFile
from transhume.core.finding import Finding, Proof
from transhume.core.host import Pair
from transhume.errors import Unreachable
from transhume.steps.answers import Ask, Visitor, page
from transhume.steps.visit import Visit

MAP = "/etc/postfix/virtual_mailbox-flat"
STATE = "/api/system/installation/state"
VISITOR = Visitor("192.0.2.10", "192.0.2.10", MAP, STATE, "/var/lib/transhume/answers.json")
STEP = Visit("postfix.service", "/etc/ssl/certs/bm_cert.pem", VISITOR)
OTHER = "-----BEGIN CERTIFICATE-----\nOTHER\n-----END CERTIFICATE-----\n"


def _found(alter: Callable[[FakeHost, FakeHost], object]) -> list[str]:
    pair = servers()
    assert isinstance(pair.source, FakeHost)
    assert isinstance(pair.target, FakeHost)
    alter(pair.source, pair.target)
    found = [item.key for item in STEP.verify(pair) if isinstance(item, Finding)]
    return [key for key in found if key != "answers-unknown"]


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
    step = replace(STEP, visitor=replace(VISITOR, address=address))
    changes = step.run(servers())
    (wait,) = [change.act for change in changes if isinstance(change.act, Await)]
    assert written in wait.argv


# --- compared with what the source answered before


def _recorded(*alter: Callable[[FakeHost, FakeHost], Any]) -> Pair:
    """The source's answers were recorded, then the target serves."""
    pair = servers()
    source, target = pair.source, pair.target
    assert isinstance(source, FakeHost)
    assert isinstance(target, FakeHost)
    for host in (source, target):
        host.served = {
            STATE: "core.state.running",
            "/api/mailboxes/example.org/_listUids": ["U2", "U1"],
        }
    for one in alter:
        one(source, target)
    (change,) = Ask(VISITOR).run(pair)
    assert isinstance(change.act, WriteFile)
    target.files[VISITOR.record] = change.act.content
    assert list(Ask(VISITOR).run(pair)) == []
    return pair


def _proof(pair: Pair) -> Proof:
    (proof,) = [item for item in STEP.verify(pair) if isinstance(item, Proof)]
    return proof


def test_every_answer_is_compared_with_the_sources() -> None:
    proof = _proof(_recorded())
    assert (proof.compared, proof.equal, proof.notes) == (8, 8, ())


@pytest.mark.parametrize(
    ("alter", "named"),
    [
        (
            lambda t: t.said.update({"curl": "<title>Welcome to nginx!</title>\n200 "}),
            "https: page",
        ),
        (lambda t: t.said.update({"openssl s_client": OTHER}), "mail: certificate"),
        (lambda t: t.served.update({STATE: "core.state.maintenance"}), "core: state"),
        (
            lambda t: t.served.update({"/api/mailboxes/example.org/_listUids": ["U2"]}),
            "core: a mailbox of example.org",
        ),
        (lambda t: t.served.update({STATE: Unreachable("no")}), "core: state"),
        (lambda t: setattr(t, "greeting", lambda address: "220 other ESMTP"), "mail: banner"),
        (lambda t: setattr(t, "recipients", lambda *wanted: (250, 250)), "mail: for a stranger"),
    ],
)
def test_another_answer_is_named(alter: Callable[[FakeHost], object], named: str) -> None:
    pair = _recorded()
    assert isinstance(pair.target, FakeHost)
    alter(pair.target)
    proof = _proof(pair)
    assert proof.differing[0].startswith(f"{named}: ")
    assert not proof.whole


def test_without_the_sources_answers_a_move_goes_on_and_proves_nothing() -> None:
    pair = servers()
    findings = [item for item in STEP.verify(pair) if isinstance(item, Finding)]
    assert [(item.key, item.severity) for item in findings] == [("answers-unknown", "warns")]
    assert not any(isinstance(item, Proof) for item in STEP.verify(pair))
    (proof,) = VISITOR.prove(pair)
    assert not proof.whole


def test_a_page_that_leads_back_to_the_address_that_was_asked_is_the_same_at_another_one() -> None:
    """Asked on the loopback, a web server sends on to https there."""

    def leads_back(words: tuple[str, ...]) -> str:
        return f"\n301 {words[-1].replace('http:', 'https:')}"

    pair = _recorded(lambda s, t: t.said.update({"curl": leads_back}))
    step = replace(STEP, visitor=replace(VISITOR, address="127.0.0.1"))
    (proof,) = [item for item in step.verify(pair) if isinstance(item, Proof)]
    assert proof.differing == ()


def test_a_new_mailbox_changes_nothing() -> None:
    pair = _recorded()
    assert isinstance(pair.target, FakeHost)
    pair.target.served["/api/mailboxes/example.org/_listUids"] = ["U0", "U1", "U2"]
    assert _proof(pair).whole


def test_what_the_source_didnt_answer_is_noted() -> None:
    pair = _recorded(lambda s, t: t.said.update({"curl": 7}))
    assert isinstance(pair.target, FakeHost)
    pair.target.said["curl"] = "200"
    proof = _proof(pair)
    assert proof.whole
    assert [note.partition(": the")[0] for note in proof.notes] == ["https: page", "http: page"]


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("<html><TITLE>\n Blue &amp; Mind </title>\n200 ", "200 Blue & Mind"),
        ("\n302 https://mail.example.org/login", "302 https://mail.example.org/login"),
        ("no page at all\n404 ", "404"),
        (28, ""),
    ],
)
def test_a_page_is_its_status_its_way_and_its_title(printed: str | int, said: str) -> None:
    assert page(FakeHost("target", said={"curl": printed}), "https", "192.0.2.10") == said


def test_a_source_without_a_known_address_is_asked_at_its_own() -> None:
    pair = servers()
    assert isinstance(pair.target, FakeHost)
    list(Ask(replace(VISITOR, before="", address="127.0.0.1")).run(pair))
    assert any("192.0.2.10:25" in asked for asked in pair.target.asked)
    assert not any("127.0.0.1:25" in asked for asked in pair.target.asked)
