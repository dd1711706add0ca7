"""How large the servers are that the benchmark moves, and the disk that takes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import places
from lab.shell import LabError

_GIB = 1 << 30


@dataclass(frozen=True)
class Size:
    """One size: what the source is filled with."""

    name: str
    messages: int
    users: int
    files: int
    index_bytes: int

    def wanted(self) -> dict[str, Any]:
        """What `lab.fill` takes."""
        return {
            "messages": self.messages,
            "users": self.users,
            "files": self.files,
            "index_bytes": self.index_bytes,
            "events": self.messages // 50,
            # Small bodies: their number is what makes a server slow to move, not their bytes.
            "median_size": 1500,
        }

    def disk(self) -> int:
        """Bytes of disk that a run takes at most.

        The filled source is there twice, kept and at work, then the target, a dump and the logs of
        the databases. A message with its rows was seen to take 14 KiB, a system 1.5 GiB.
        """
        return self.messages * 48 * 1024 + 4 * self.index_bytes + 8 * _GIB

    def disk_once(self) -> int:
        """The same for one move that nothing is kept for: the source and its copy."""
        return self.messages * 32 * 1024 + 2 * self.index_bytes + 6 * _GIB


SIZES = {
    "S": Size("S", 50_000, 50, 1_000, 64 << 20),
    "M": Size("M", 300_000, 200, 4_000, 256 << 20),
    "L": Size("L", 1_000_000, 500, 10_000, 768 << 20),
}


def require_disk(size: Size, wanted: int, folder: Path = places.CHECKOUT) -> None:
    """LabError before anything starts when the disk hasn't these bytes free."""
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise LabError(
            f"SIZE={size.name} takes up to {wanted / _GIB:.0f} GiB of disk, and {folder} "
            f"has {free / _GIB:.0f} GiB: free some, or choose a smaller size"
        )
