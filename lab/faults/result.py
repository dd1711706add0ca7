"""What the campaign has found so far, on disk after each sitting: each cell, and the sums."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.faults.entry import Entry


@dataclass
class Result:
    """The entries of one state of the checkout; `left` are the cells that were never tried."""

    made_of: str
    entries: list[Entry]
    left: int = 0
    nowhere: tuple[str, ...] = ()
    """Faults and phases for which no change of the plan fits."""

    @classmethod
    def read(cls, path: Path, made_of: str) -> Result:
        """What an earlier run has found out about this state; of another one it says nothing."""
        known = json.loads(path.read_text()) if path.exists() else {}
        cells = known.get("cells", []) if isinstance(known, dict) else []
        entries = [Entry(**each) for each in cells]
        return cls(made_of, [each for each in entries if each.made_of == made_of])

    def add(self, played: Sequence[Entry]) -> None:
        """Put these in the place of what was known of the same cells."""
        unmet = {tuple(each.key): each.unmet for each in self.entries}
        for entry in played:
            entry.made_of = self.made_of
            entry.unmet = unmet.get(tuple(entry.key), 0) + (not entry.tried)
        keys = {tuple(each.key) for each in played}
        self.entries = [each for each in self.entries if tuple(each.key) not in keys]
        self.entries += played

    def save(self, path: Path) -> None:
        draft = path.with_suffix(".draft")
        text = {"summary": self.summary(), "cells": [asdict(each) for each in self.entries]}
        draft.write_text(json.dumps(text, indent=1) + "\n")
        draft.rename(path)

    @property
    def tried(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.tried]

    @property
    def right(self) -> bool:
        """Whether anything was tried, and all of it came out right."""
        return bool(self.tried) and all(entry.right for entry in self.tried)

    def summary(self) -> dict[str, Any]:
        """The sums."""
        tried = self.tried
        intact = sum(entry.source_intact for entry in tried)
        return {
            "cells_tried": len(tried),
            "right": sum(entry.right for entry in tried),
            "messages": sum(entry.messages for entry in tried),
            "lost": sum(entry.messages_missing for entry in tried),
            "doubled": sum(entry.messages_doubled for entry in tried),
            "repeated": sum(entry.messages_repeated for entry in tried),
            "source_intact": intact,
            "source_intact_in_all": bool(tried) and intact == len(tried),
            "not_met": len(self.entries) - len(tried),
            "left": self.left,
            "fits_nowhere": list(self.nowhere),
        }

    def lines(self) -> Iterator[str]:
        """Each cell that wasn't right or not met, what fits nowhere, then the sums."""
        for entry in self.entries:
            if not entry.right:
                reasons = "; ".join(entry.differences[:3]) or entry.said
                where = f"{entry.phase}, {entry.way} ({entry.moment} {entry.change})"
                yield f"{entry.fault}, {where}: {entry.outcome}: {reasons[:300]}"
        yield from (f"{each}: no change of the plan fits" for each in self.nowhere)
        sums = self.summary()
        yield (
            f"cells tried {sums['cells_tried']}, right {sums['right']}, messages "
            f"{sums['messages']}, lost {sums['lost']}, doubled {sums['doubled']}, repeated "
            f"{sums['repeated']}, source intact in {sums['source_intact']}, not met "
            f"{sums['not_met']}, left {sums['left']}"
        )
