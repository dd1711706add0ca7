"""A Finding is what a check or a proof saw, why it matters, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Severity = Literal["blocks", "unknown", "warns", "notes"]
"""blocks: the move must not go on; unknown: couldn't be checked, never a pass; warns; notes."""

Where = Literal["source", "target", "both"]


@dataclass(frozen=True)
class Finding:
    """One thing seen. `key` is stable across releases: scripts and `accept` name it."""

    key: str
    severity: Severity
    where: Where
    seen: str
    why: str = ""
    remedy: str = ""


def stopping(findings: Iterable[Finding]) -> list[Finding]:
    """Those that forbid going on: what blocks, and what couldn't be checked."""
    return [finding for finding in findings if finding.severity in ("blocks", "unknown")]


def accept(findings: Iterable[Finding], keys: Iterable[str]) -> list[Finding]:
    """The same findings with accepted warnings turned into notes; nothing else can be accepted."""
    accepted = set(keys)
    return [
        replace(finding, severity="notes")
        if finding.severity == "warns" and finding.key in accepted
        else finding
        for finding in findings
    ]
