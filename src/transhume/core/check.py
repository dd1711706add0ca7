"""A Check looks at one thing before the move; a check that fails itself is never a pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.errors import TranshumeError

Look = Callable[[Pair], Iterator[Finding]]


@dataclass(frozen=True)
class Check:
    """One requirement: what is looked at in a few words, and the look, which only reads.

    `reads_data` says that it looks at every file or row: its time grows with the data. All others
    take seconds at any size.
    """

    key: str
    title: str
    look: Look
    reads_data: bool = False

    def findings(self, pair: Pair) -> list[Finding]:
        """What was seen; nothing means that the check passes."""
        return told(self.key, self.title, lambda: self.look(pair))


def told(key: str, title: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """What a look saw; one that fails itself adds a finding of its own to what it saw so far."""
    seen: list[Finding] = []
    try:
        for finding in look():
            seen.append(finding)
    except TranshumeError as error:
        seen.append(_unknown(key, f"{title} couldn't be checked: {error.what}", error.remedy))
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the move must not begin
        what = f"{title} couldn't be checked ({type(error).__name__}: {error})"
        seen.append(_unknown(key, what, "please report it, with what transhume check --json says"))
    return seen


def _unknown(key: str, seen: str, remedy: str) -> Finding:
    again = remedy or "mend what it says, then: transhume check"
    return Finding(key, "unknown", "both", seen, "Unknown is not a pass.", again)
