"""A healthy pair, one thing altered, and what the check must say then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.contract import machines
from tests.fakes import FakeHost
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.profiles.bluemind.checks import checks
from transhume.profiles.bluemind.layout import load

Alter = Callable[[FakeHost, FakeHost], Any]
LAYOUT = load("bluemind-5")
CHECKS = {check.key: check for check in checks(LAYOUT, machines.settings(), 2)}
CYRUS = "/var/spool/cyrus"


@dataclass(frozen=True)
class Case:
    """The check, what is altered, the finding's key, its severity, and a word of what is seen."""

    check: str
    alter: Alter
    key: str
    severity: str
    word: str

    def __str__(self) -> str:
        return f"{self.check}-{self.key}-{self.word}"


def said(place: str, words: str, answer: Any) -> Alter:
    """A command answers otherwise."""
    return lambda source, target: _at(place, source, target).said.update({words: answer})


def held(place: str, piece: str, rows: Any) -> Alter:
    """A query has other rows."""
    return lambda source, target: _at(place, source, target).held.update({piece: rows})


def holds(place: str, path: str, content: bytes | None) -> Alter:
    """A file has another content, or isn't there."""

    def alter(source: FakeHost, target: FakeHost) -> None:
        files = _at(place, source, target).files
        if content is None:
            del files[path]
        else:
            files[path] = content

    return alter


def serves(place: str, path: str, answer: Any) -> Alter:
    """The core answers otherwise."""
    return lambda source, target: _at(place, source, target).served.update({path: answer})


def surveyed(place: str, **differing: Any) -> Alter:
    """The survey finds something else in the first tree."""

    def alter(source: FakeHost, target: FakeHost) -> None:
        lines = [machines.surveyed(CYRUS, **differing)]
        _at(place, source, target).printed["survey"] = lines

    return alter


def both(*alters: Alter) -> Alter:
    """Several things at once."""
    return lambda source, target: [alter(source, target) for alter in alters]


def _at(place: str, source: FakeHost, target: FakeHost) -> FakeHost:
    return source if place == "source" else target


def pair(alter: Alter = lambda source, target: None) -> Pair:
    """The healthy pair with that difference."""
    made = machines.servers()
    assert isinstance(made.source, FakeHost)
    assert isinstance(made.target, FakeHost)
    alter(made.source, made.target)
    return made


def found(check: str, alter: Alter = lambda source, target: None) -> list[Finding]:
    """What a check says then."""
    return CHECKS[check].findings(pair(alter))


def says_no(case: Case) -> None:
    """The check says that, and nothing else that is as bad."""
    seen = [item for item in found(case.check, case.alter) if item.key == case.key]
    assert seen, found(case.check, case.alter)
    assert {item.severity for item in seen} == {case.severity}
    assert case.word in " ".join(item.seen for item in seen)
    worse = ("blocks", "unknown") if case.severity not in ("blocks", "unknown") else ("unknown",)
    assert not [item for item in found(case.check, case.alter) if item.severity in worse]
    for item in seen:
        assert case.severity == "notes" or (item.why and item.remedy)
