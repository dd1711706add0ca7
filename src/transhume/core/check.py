"""A Check looks at one thing before the move; a check that fails itself is never a pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.errors import TranshumeError


@dataclass(frozen=True)
class Check:
    """One requirement: what is looked at in a few words, and the look, which only reads."""

    key: str
    title: str
    look: Callable[[Pair], Iterator[Finding]]

    def findings(self, pair: Pair) -> list[Finding]:
        """What was seen; nothing means that the check passes."""
        return told(self.key, self.title, lambda: self.look(pair))


def told(key: str, title: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """What a look saw; one that fails itself is a finding of its own."""
    try:
        return list(look())
    except (TranshumeError, ValueError, LookupError) as error:
        seen = f"{title} couldn't be checked: {error}"
        return [Finding(key, "unknown", "both", seen, "Unknown is not a pass.")]
