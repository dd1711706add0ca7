"""What one pass over trees found in them: read once in a run, and shared by the checks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transhume.core.host import Host, Pair
from transhume.errors import StepFailed
from transhume.steps.requirements.mounts import landing


@dataclass(frozen=True)
class Found:
    """How many there are of something, and a few of them by name."""

    number: int = 0
    examples: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """The number with the first of them, for a sentence."""
        first = f": {self.examples[0]}" if self.examples else ""
        return f"{self.number:,}{first}{', …' if self.number > 1 else ''}"


@dataclass(frozen=True)
class Surveyed:
    """One tree. Sizes are bytes: `bytes` as the files are long, `allocated` as they lie on disk."""

    path: str
    entries: int
    bytes: int
    allocated: int
    largest: int
    users: dict[str, int]
    groups: dict[str, int]
    nameless_users: dict[str, int]
    nameless_groups: dict[str, int]
    found: dict[str, Found]

    def of(self, kind: str) -> Found:
        """What was found of a kind; see agent/survey.py for their names."""
        return self.found.get(kind, Found())


def survey(host: Host, folders: Sequence[str]) -> list[Surveyed]:
    """Every tree that exists there; StepFailed when a part of one couldn't be read."""
    if not folders:
        return []
    read = [_surveyed(json.loads(line)) for line in host.agent("survey", *sorted(folders))]
    for tree in read:
        if tree.path not in folders:
            raise StepFailed(f"the {host.place} tells of {tree.path}, which wasn't asked for")
        unreadable = tree.of("unreadable")
        if unreadable.number:
            raise StepFailed(
                f"{unreadable.number:,} entries of {tree.path} on the {host.place} can't be read "
                f"({unreadable.examples[0]})",
                remedy=f"look at the disk of {tree.path}: dmesg, and ls -la of that name",
            )
    return [tree for tree in read if tree.entries]


def parts(pair: Pair, folders: Sequence[str]) -> list[Surveyed]:
    """The source's trees; what lands on a mount of its own on the target is told by itself.

    Every check asks for the same parts, so that they share one pass.
    """
    return survey(pair.source, tuple(landing(pair.target, folders)))


def _surveyed(told: dict[str, Any]) -> Surveyed:
    found = {kind: Found(number, tuple(names)) for kind, (number, names) in told["found"].items()}
    own = ("entries", "bytes", "allocated", "largest")
    numbered = ("users", "groups", "nameless_users", "nameless_groups")
    values = {key: told[key] for key in (*own, *numbered)}
    return Surveyed(path=told["tree"], found=found, **values)
