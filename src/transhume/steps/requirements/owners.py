"""Users and groups: owners are mapped by name, so each name must exist on the target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.steps.requirements.remedy import quoted
from transhume.steps.requirements.survey import Surveyed, parts

_KINDS: tuple[tuple[Literal["users", "groups"], str, str], ...] = (
    ("users", "passwd", "user"),
    ("groups", "group", "group"),
)


def users(folders: tuple[str, ...]) -> Look:
    """Owners are mapped by name, so each name that owns something must exist on the target."""

    def look(pair: Pair) -> Iterator[Finding]:
        trees = parts(pair, folders)
        for plural, database, what in _KINDS:
            owned = _summed(trees, plural)
            numbers = [
                _numbers(host, database, sorted(owned)) for host in (pair.source, pair.target)
            ]
            yield from _missing(owned, numbers[1], what)
            yield from _renumbered(numbers[0], numbers[1], what)
            yield from _nameless(_summed(trees, f"nameless_{plural}"), what)

    return look


def _summed(trees: list[Surveyed], attribute: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for tree in trees:
        total.update(getattr(tree, attribute))
    return total


def _numbers(host: Host, database: str, names: list[str]) -> dict[str, str]:
    """The number of each name that exists there."""
    if not names:
        return {}
    # Its status says only that some name is unknown; the lines say which ones are known.
    lines = host.ask("getent", database, *names).text.splitlines()
    rows = [line.split(":") for line in lines]
    return {row[0]: row[2] for row in rows if len(row) > 2}


def _missing(owned: Counter[str], here: dict[str, str], what: str) -> Iterator[Finding]:
    for name in sorted(set(owned) - set(here)):
        yield Finding(
            f"{what}-missing",
            "blocks",
            "target",
            f"the {what} {name} owns {owned[name]:,} entries on the source and doesn't exist here",
            "Its files would belong to a number, and its service couldn't read them.",
            f"install the package that brings it, or: add{what} --system {quoted(name)}",
        )


def _renumbered(there: dict[str, str], here: dict[str, str], what: str) -> Iterator[Finding]:
    other = [
        f"{name} {there[name]} → {here[name]}"
        for name in sorted(set(there) & set(here))
        if there[name] != here[name]
    ]
    if other:
        yield Finding(
            f"{what}-number",
            "notes",
            "both",
            f"{len(other)} {what}s have another number here: {', '.join(other)}",
            "Owners are mapped by name: only what holds numbers itself, such as archives, "
            "would name another one.",
        )


def _nameless(owned: Counter[str], what: str) -> Iterator[Finding]:
    if owned:
        named = ", ".join(f"{number} ({entries:,})" for number, entries in owned.most_common(5))
        yield Finding(
            f"{what}-nameless",
            "warns",
            "source",
            f"{sum(owned.values()):,} entries belong to {what}s without a name: {named}",
            "The number moves as it is, and may be somebody else's on the target.",
            f"give them to whom they belong: find … -no{what}, then "
            f"{'chown' if what == 'user' else 'chgrp'}",
        )
