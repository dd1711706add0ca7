"""The text that an indexed map is made from, read as postmap(1) and postalias(1) read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BLANKS = re.compile(r"[ \t\r\f\v]+")
_ALIAS = re.compile(r'("[^"]+"|[^\s:]+) ?: ?(.+)')


@dataclass(frozen=True)
class MapText:
    """Keys and values, keys folded, the first of each; and what Postfix leaves out with a warning.

    `wrong` are the numbers of lines, from 1, that aren't a key and a value.
    """

    entries: dict[str, str]
    wrong: tuple[int, ...] = ()


def read(text: str, *, aliases: bool = False) -> MapText:
    """What the text says; in that of aliases a colon stands behind each key."""
    found: dict[str, str] = {}
    wrong = []
    for number, line in _logical(text):
        key, value = _alias(line) if aliases else _entry(line)
        if key and value:
            found.setdefault(key.casefold(), value)
        else:
            wrong.append(number)
    return MapText(found, tuple(wrong))


def _entry(line: str) -> tuple[str, str]:
    key, _, value = line.partition(" ")
    return key, value


def _alias(line: str) -> tuple[str, str]:
    found = _ALIAS.fullmatch(line)
    return (found[1].strip('"'), found[2]) if found else ("", "")


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Number and content of each line, with those that go on in the next one joined.

    Blanks within one are alike. One that goes on from nothing is empty.
    """
    began, joined = 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        words = [word for word in _BLANKS.split(line) if word]
        if not words or words[0].startswith("#"):
            continue
        if line[0] not in " \t":
            if began:
                yield began, joined
            began, joined = number, " ".join(words)
        elif began:
            joined = " ".join((joined, *words))
        else:
            yield number, ""
    if began:
        yield began, joined
