"""A Finding is what a check or a proof saw, why it matters, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Severity = Literal["blocks", "unknown", "warns", "notes"]
"""blocks: the move must not go on; unknown: couldn't be checked, never a pass; warns; notes."""

Where = Literal["source", "target", "both"]

NOTHING = "nothing to do"
"""How a remedy begins that asks nothing of anybody, and says only what closes the matter."""


@dataclass(frozen=True)
class Finding:
    """One thing seen. `key` is stable across releases: scripts and `accept` name it."""

    key: str
    severity: Severity
    where: Where
    seen: str
    why: str = ""
    remedy: str = ""

    @property
    def idle(self) -> bool:
        """Whether it is a note that asks nothing of anybody."""
        asks = bool(self.remedy) and not self.remedy.startswith(NOTHING)
        return self.severity == "notes" and not asks


@dataclass(frozen=True)
class Proof:
    """What was compared and how much of it is equal; `differing` names each difference.

    Of very many only the first are named. `since` counts what differs because people have used
    the target since it was opened. `notes` is worth knowing and no difference, such as what was
    damaged on the source already.
    """

    part: str
    compared: int
    equal: int
    unit: str
    differing: tuple[str, ...] = ()
    since: int = 0
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Everything is equal, and there was something to compare: 0 of 0 proves nothing."""
        return 0 < self.compared == self.equal

    def __str__(self) -> str:
        if self.compared == 0:
            return f"{self.part}: nothing to compare"
        named = "; ".join(self.differing[:3])
        return f"{self.part}: {self.compared - self.equal} of {self.compared} differ ({named})"


def stopping(seen: Iterable[Finding | Proof]) -> list[str]:
    """What forbids going on: what blocks, what couldn't be checked, what isn't wholly equal."""
    return [
        str(item) if isinstance(item, Proof) else f"{item.where}: {item.seen}"
        for item in seen
        if _stops(item)
    ]


def remedies(seen: Iterable[Finding | Proof]) -> list[str]:
    """What to do about what forbids going on, each once."""
    stops = (item for item in seen if isinstance(item, Finding) and _stops(item))
    return list(dict.fromkeys(finding.remedy for finding in stops if finding.remedy))


def _stops(item: Finding | Proof) -> bool:
    return not item.whole if isinstance(item, Proof) else item.severity in ("blocks", "unknown")


def accept(findings: Iterable[Finding], keys: Iterable[str]) -> list[Finding]:
    """The same findings with accepted warnings turned into notes; nothing else can be accepted."""
    accepted = set(keys)
    return [
        replace(finding, severity="notes")
        if finding.severity == "warns" and finding.key in accepted
        else finding
        for finding in findings
    ]
