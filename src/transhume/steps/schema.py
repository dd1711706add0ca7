"""A database's schema: one sum for each kind of object, and by its name whatever differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from transhume.core.change import Place
from transhume.core.host import LOCKED, Answer, Host, Snapshot
from transhume.steps.schema_queries import KINDS, OWN

_SUM = """{own} select count(*), coalesce(sum(hashtextextended(
    concat_ws(' ', name, said) collate "C", 0)), 0)::text from ({query}) x (name, said)"""
_LIST = "select '{kind}', name, coalesce(said, '') from ({query}) x (name, said)"
_SHOWN = 120


@dataclass(frozen=True)
class Shape:
    """How many objects the two schemas have together, and what of them differs, each named.

    `locked` are the machines on which somebody keeps part of it from being read.
    """

    objects: int
    differing: tuple[str, ...]
    locked: frozenset[Place]


def compared(sides: Sequence[Snapshot], kinds: Sequence[str] = tuple(KINDS)) -> Shape:
    """Compare the source's schema with the target's, both at the same time."""
    queries = [_SUM.format(own=OWN, query=KINDS[kind]) for kind in kinds]
    begun = [side.ask(queries) for side in sides]
    there, here = ({answer.at: answer for answer in answers} for answers in begun)
    objects, differing = 0, []
    for at, kind in enumerate(kinds):
        more, named = _kind(kind, sides, there[at], here[at])
        objects += more
        differing += named
    places: tuple[Place, Place] = ("source", "target")
    locked = frozenset(
        place
        for place, answers in zip(places, (there, here), strict=True)
        if any(answer.code == LOCKED for answer in answers.values())
    )
    return Shape(objects, tuple(differing), locked)


def _kind(
    kind: str, sides: Sequence[Snapshot], there: Answer, here: Answer
) -> tuple[int, list[str]]:
    """How many objects of a kind there are in all, and which differ."""
    unread = [
        f"{kind}: couldn't be read on the {place}: {answer.problem}"
        for answer, place in ((there, "source"), (here, "target"))
        if answer.problem
    ]
    if unread:
        return len(unread), unread
    if there.rows == here.rows:
        return int(there.rows[0][0]), []
    known, found = ({name: said for _, name, said in side.read(_listing([kind]))} for side in sides)
    names = sorted({*known, *found})
    return len(names), [
        f"{kind} {name}: {_said(known.get(name), found.get(name))}"
        for name in names
        if known.get(name) != found.get(name)
    ]


def _said(there: str | None, here: str | None) -> str:
    if here is None:
        return "missing on the target"
    if there is None:
        return "not on the source"
    return f"{_short(there, here)} on the source, {_short(here, there)} on the target"


def _short(text: str, other: str) -> str:
    """The part of a definition in which it differs from the other one."""
    same = next(
        (at for at, (one, two) in enumerate(zip(text, other, strict=False)) if one != two),
        min(len(text), len(other)),
    )
    begin = max(0, same - _SHOWN // 4) if len(text) > _SHOWN else 0
    cut = " ".join(text[begin : begin + _SHOWN].split())
    return f"{'…' if begin else ''}{cut}{'…' if begin + _SHOWN < len(text) else ''}"


def _listing(kinds: Iterable[str]) -> str:
    return OWN + " union all ".join(_LIST.format(kind=kind, query=KINDS[kind]) for kind in kinds)


def schema(host: Host, database: str) -> frozenset[tuple[str, str, str]]:
    """Kind, name and definition of every object; StepFailed when they can't be read."""
    with host.snapshot(database, 1) as snapshot:
        return frozenset(snapshot.read(_listing(KINDS)))
