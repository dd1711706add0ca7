"""The verdict: what was compared, what differed, and which of it the caller expected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase

# The target keeps its own subscription, main.cf may name what differs between distributions, and a
# running search index changes its newest segments all the time.
EXPECTED = (
    "tree /etc/bm/subscription.bmz*",
    "tree /etc/postfix/main.cf*",
    "tree /var/spool/bm-elasticsearch/data/nodes/0/indices/live*",
)


@dataclass
class Comparison:
    """Everything that was found; equal only if no difference is left."""

    differences: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        return not self.differences

    def add(self, difference: str, patterns: Sequence[str]) -> None:
        wanted = any(fnmatchcase(difference, pattern) for pattern in patterns)
        (self.expected if wanted else self.differences).append(difference)

    def to_json(self) -> str:
        return json.dumps({"equal": self.equal, **asdict(self)}, indent=1)
