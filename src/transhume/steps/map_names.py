"""Which indexed maps main.cf and master.cf name, `$name` written out as Postfix does it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

INDEXED = ("hash", "btree", "lmdb", "cdb", "dbm")
_MAP = re.compile(rf"\b({'|'.join(INDEXED)}):(/[^\s,;{{}}]+)")
_NAME = re.compile(r"\$(?:(\w+)|\{(\w+)\}|\((\w+)\))")
_ALIASES = frozenset({"alias_maps", "alias_database"})
# Postfix fills these itself, from no text: nothing is lost without them.
_CACHE = re.compile(r"\w+_cache_(map|database|name)|address_verify_map")
_DEEPEST = 20
_LONGEST = 1 << 14


def parameters(text: str) -> dict[str, str]:
    """What a main.cf, or what postconf prints, sets; the last word on each counts."""
    pairs = (line.partition("=") for line in _logical(text))
    return {name.strip(): value.strip() for name, found, value in pairs if found}


def named(main: str, master: str, defaults: str) -> dict[tuple[str, str], bool]:
    """Kind and path of each map, and whether it is one of aliases.

    `defaults` is what `postconf -d` says on the machine that reads these files: a map may be named
    by what nobody has set.
    """
    known = parameters(defaults) | parameters(main)
    values = [pair for pair in known.items() if not _CACHE.fullmatch(pair[0])]
    values += [("", line) for line in _logical(master)]
    found: dict[tuple[str, str], bool] = {}
    for name, value in values:
        for kind, path in _MAP.findall(_written_out(value, known)):
            found[kind, path] = found.get((kind, path), False) or name in _ALIASES
    return found


def _written_out(value: str, known: Mapping[str, str]) -> str:
    for _ in range(_DEEPEST):
        made = _NAME.sub(lambda name: known.get(name[1] or name[2] or name[3], ""), value)
        # A name may stand for itself, and then the text would only grow.
        if made == value or len(made) > _LONGEST:
            break
        value = made
    return value


def _logical(text: str) -> Iterator[str]:
    """The lines without comments, each joined with those that go on from it."""
    joined = ""
    for line in text.split("\n"):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0].isspace():
            joined += line
        else:
            yield joined
            joined = line
    yield joined
