"""What the way back takes: its part of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.bench.section import Section


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    on = result["machine"]
    yield (
        f"{result['size']}: rounds: {result['rounds']}, medians; {on['cores']} cores for both "
        f"machines, {on['memory_gib']} GiB, load {on['load_before']} before; {result['at']}, "
        f"`{result['command']}`."
    )
    yield ""
    yield "| switch | downtime, s | less stop and start, s |"
    yield "| --- | ---: | ---: |"
    for way, seconds in result["downtime_seconds"].items():
        yield f"| {way} | {seconds} | {result['overhead_seconds'][way]} |"
    yield ""
    yield (
        f"Of {result['messages_accepted']:,} messages accepted meanwhile "
        f"{result['messages_missing']} are missing, {result['messages_doubled']} doubled; "
        f"{len(result['differences'])} differences."
    )


SECTION = Section("back", _lines)
