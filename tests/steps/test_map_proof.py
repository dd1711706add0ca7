"""A map answers as the source's did, and as its own text says."""

from __future__ import annotations

import pytest

from tests.fakes import FakeHost
from transhume.core.finding import Proof
from transhume.steps.map_proof import answers
from transhume.steps.postfix import Map

OPENED = 1_700_000_000.0

TRANSPORT = Map("hash", "/etc/postfix/transport", "/etc/postfix/transport-flat")


def _answered(
    printed: str,
    each: Map = TRANSPORT,
    text: bytes = b"a x\nb y\n",
    own: bytes | None = None,
    opened: float = 0,
    written: int = 0,
) -> Proof:
    source = FakeHost("source", {each.text: text})
    target = FakeHost("target", {each.text: text if own is None else own})
    target.said = {"postmap -s": printed, "stat -c %Y": f"{written}\n"}
    (proof,) = answers(source, target, [each], opened)
    return proof


def test_a_map_that_answers_alike_is_proved() -> None:
    assert _answered("b\ty\na\tx\n").whole


@pytest.mark.parametrize("printed", ["a\tx\n", "a\tx\nb\tz\n", ""])
def test_an_entry_that_is_answered_otherwise_is_a_difference(printed: str) -> None:
    proof = _answered(printed)
    assert not proof.whole
    assert any("b: " in line for line in proof.differing)


def test_an_empty_map_that_can_be_opened_is_proved() -> None:
    assert _answered("", text=b"# nothing\n").whole


def test_a_line_that_postfix_leaves_out_is_noted_and_no_difference() -> None:
    proof = _answered("a\tx\n", text=b"a x\nnobody\n")
    assert proof.whole
    assert proof.notes == ("line 2 isn't a key and a value: Postfix leaves it out, as before",)


def test_a_map_that_cant_be_read_is_no_pass_and_the_others_are_proved() -> None:
    other = Map("hash", "/etc/postfix/other", "/etc/postfix/other")
    source = FakeHost("source", {each.text: b"a x\n" for each in (TRANSPORT, other)})
    target = FakeHost("target", dict(source.files))
    target.said = {f"postmap -s {TRANSPORT.name}": 1, f"postmap -s {other.name}": "a\tx\n"}
    broken, whole = answers(source, target, [TRANSPORT, other])
    assert whole.whole
    assert (broken.part, broken.whole) == (TRANSPORT.path, False)
    assert "couldn't be compared: postmap" in broken.differing[0]


@pytest.mark.parametrize(
    ("printed", "notes"),
    [
        ("a\tx\nb\ty\n", ()),
        ("a\tx\n", ("the source's index was behind its text: b: None, not 'y'",)),
        ("a\tx\nb\ty\nc\tz\n", ("the source's index was behind its text: c: 'z', not None",)),
        (1, ("the source's own index couldn't be read",)),
    ],
)
def test_what_the_source_answered_otherwise_than_its_text_says_is_noted(
    printed: str | int, notes: tuple[str, ...]
) -> None:
    """The target answers as the text says, in whatever kind of map each of them has it."""
    source = FakeHost("source", {TRANSPORT.text: b"a x\nb y\n"})
    target = FakeHost("target", dict(source.files))
    own = Map("btree", TRANSPORT.path, TRANSPORT.text)
    source.said = {f"postmap -s {own.name}": printed}
    target.said = {f"postmap -s {TRANSPORT.name}": "a\tx\nb\ty\n"}
    (proof,) = answers(source, target, [TRANSPORT], indexed=[own])
    assert (proof.whole, proof.notes) == (True, notes)


def test_what_postalias_adds_of_its_own_is_no_entry() -> None:
    aliases = Map("hash", "/etc/aliases", "/etc/aliases", aliases=True)
    source = FakeHost("source", {aliases.text: b"root: admin\n"})
    target = FakeHost("target", dict(source.files))
    own = "@\t@\nyp_last_modified\t1795722229\nyp_master_name\tmail\nroot\tadmin\n"
    for host in (source, target):
        host.said = {f"postmap -s {aliases.name}": own}
    (proof,) = answers(source, target, [aliases], indexed=[aliases])
    assert (proof.whole, proof.notes) == (True, ())


def test_passwords_in_a_map_arent_told() -> None:
    each = Map("hash", "/etc/postfix/relay_passwd", "/etc/postfix/relay_passwd")
    proof = _answered("smtp.x\tuser:old\n", each, b"smtp.x user:s3cret\n")
    assert not proof.whole
    assert "smtp.x" in str(proof)
    assert "s3cret" not in str(proof)
    assert "old" not in str(proof)


@pytest.mark.parametrize(("opened", "since"), [(0, False), (OPENED, True)])
def test_what_people_changed_since_stands_in_a_newer_text(opened: float, since: bool) -> None:
    written = int(OPENED) + 60
    proof = _answered("a\tx\nc\tz\n", own=b"a x\nc z\n", opened=opened, written=written)
    assert (proof.whole, proof.since) == (since, 2 if since else 0)


def test_a_text_from_before_the_opening_excuses_nothing() -> None:
    proof = _answered("a\tx\n", own=b"a x\n", opened=OPENED, written=int(OPENED) - 60)
    assert [line.partition(":")[0] for line in proof.differing] == ["b"]


def test_a_map_that_is_behind_its_own_text_is_stale_at_any_time() -> None:
    written = int(OPENED) + 60
    proof = _answered("a\tx\nb\ty\n", own=b"a x\nb y\nc z\n", opened=OPENED, written=written)
    assert proof.differing == ("c: None, not 'z'",)
