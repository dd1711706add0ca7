"""What make proof thinks of what verify said."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from lab import proof
from lab.damage import DAMAGES, Damage
from lab.proof import Outcome, judged, right, tried, write
from lab.scene import Scene
from lab.shell import LabError

LOST = Damage("a lost index", "", "", "")
NOTHING = Damage("nothing", "", "", "")


def test_a_damage_is_found_when_it_is_named_and_nothing_else_is() -> None:
    outcome = judged(LOST, "i_one", ("bj: schema: index i_one: missing",), 11)
    assert outcome == Outcome("a lost index", True, ("bj: schema: index i_one: missing",), ())
    assert right(outcome)


@pytest.mark.parametrize(
    "said", [(), ("bj: index i_two: missing",), ("bj: i_one: missing", "/tree: x: missing")]
)
def test_a_damage_that_is_missed_or_more_than_it_is_wrong(said: tuple[str, ...]) -> None:
    assert not right(judged(LOST, "i_one", said, 11 if said else 0))


def test_on_an_undamaged_pair_anything_that_is_named_is_wrong() -> None:
    assert right(judged(NOTHING, "", (), 0))
    assert not right(judged(NOTHING, "", ("/tree: x: missing",), 11))


@pytest.mark.parametrize(("said", "status"), [((), 11), (("x",), 0), ((), 1), (("x",), 12)])
def test_a_verify_that_contradicts_itself_or_fails_is_no_outcome(
    said: tuple[str, ...], status: int
) -> None:
    with pytest.raises(LabError):
        judged(LOST, "x", said, status)


def test_each_damage_has_a_name_of_its_own_and_a_way_back() -> None:
    assert len({damage.name for damage in DAMAGES}) == len(DAMAGES)
    assert all(damage.hurt and damage.mend for damage in DAMAGES)


@dataclass
class Target:
    """A machine on which every script ends so."""

    status: int
    typed: list[str] = field(default_factory=list)

    def exec(self, argv: Sequence[str], check: bool = True) -> Any:
        """Note it, and end."""
        self.typed.append(argv[-1])
        return subprocess.CompletedProcess(argv, self.status, "", "mv: cannot stat it\n")


@dataclass
class Moved:
    """A pair of which only the target is looked at."""

    target: Target

    @property
    def pair(self) -> Moved:
        """Itself."""
        return self


def test_a_damage_that_cant_be_done_isnt_found_and_says_why() -> None:
    target = Target(1)
    outcome = tried(cast(Scene, Moved(target)), Damage("a lost index", "find", "hurt", "mend"))
    assert outcome == Outcome("a lost index", False, (), ("couldn't be done: mv: cannot stat it",))
    assert not right(outcome)
    assert target.typed == ["find\nhurt"], "what wasn't done isn't mended, nor looked for"


def test_what_is_known_is_written_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "RESULT", tmp_path / "build" / "proof.json")
    write([Outcome("a lost index", True, ("i_one",), ())])
    assert json.loads(proof.RESULT.read_text()) == [
        {"damage": "a lost index", "found": True, "named": ["i_one"], "other": []}
    ]
