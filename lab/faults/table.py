"""What the campaign found, as lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.faults.campaign import Entry


def summary(entries: Sequence[Entry]) -> Iterator[str]:
    """Each cell that wasn't right, then the sums."""
    met = [entry for entry in entries if entry.outcome != "not met"]
    for entry in entries:
        if not entry.right:
            reasons = "; ".join(entry.differences[:3]) or entry.said
            yield f"{entry.fault}, {entry.phase} ({entry.change}): {entry.outcome}: {reasons[:300]}"
    intact = sum(entry.source_intact for entry in met)
    yield (
        f"cells {len(met)}, right {sum(entry.right for entry in met)}, "
        f"messages {sum(entry.messages for entry in met)}, "
        f"missing {sum(entry.messages_missing for entry in met)}, "
        f"doubled {sum(entry.messages_doubled for entry in met)}, "
        f"source intact in {intact}, not met {len(entries) - len(met)}"
    )
