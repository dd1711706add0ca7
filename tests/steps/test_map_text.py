"""The text of a map, as postmap 3.5 and 3.10 were seen to read it."""

from __future__ import annotations

import pytest

from transhume.steps.map_text import MapText, read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a@x\tb@x\nC@X   d@x, e@x\n", {"a@x": "b@x", "c@x": "d@x, e@x"}),
        ("# no\n\n  \nx.org OK\n", {"x.org": "OK"}),
        ("root admin,\n   second\nother x\n", {"root": "admin, second", "other": "x"}),
        ("x.org\n  goes on\n", {"x.org": "goes on"}),
        ("a first\na second\n", {"a": "first"}),
        ("a b\x85c\n", {"a": "b\x85c"}),
        ("Straße@x y\n", {"strasse@x": "y"}),
        ("key:\tvalue\n", {"key:": "value"}),
    ],
)
def test_a_map_is_a_key_and_a_value_on_each_line(text: str, expected: dict[str, str]) -> None:
    assert read(text) == MapText(expected)


@pytest.mark.parametrize(
    ("text", "known", "wrong"),
    [
        ("# first\nx.org\na b\n", {"a": "b"}, (2,)),
        ("  goes on from nothing\na b\n", {"a": "b"}, (1,)),
        ("a b\n\nx.org\n", {"a": "b"}, (3,)),
    ],
)
def test_what_is_neither_is_left_out_and_named(
    text: str, known: dict[str, str], wrong: tuple[int, ...]
) -> None:
    assert read(text) == MapText(known, wrong)


def test_an_alias_has_a_colon_behind_its_name() -> None:
    text = 'root: admin,\n  second\n"two words": x\na:b\nnobody\nc d\nempty:\n'
    found = read(text, aliases=True)
    assert found.entries == {"root": "admin, second", "two words": "x", "a": "b"}
    assert found.wrong == (5, 6, 7)
