"""What following costs: its part of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.bench.section import Section


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    on, each = result["machine"], result["messages"]
    yield (
        f"{result['size']}: runs of {each:,} messages, {result['rounds']} each, medians; "
        f"{on['cores']} cores for both machines, {on['memory_gib']} GiB, load {on['load_before']} "
        f"before; {result['at']}, `{result['command']}`."
    )
    yield from ("", *table(result), "")
    yield f"The tracker held {result['tracker_mib']} MiB at most."


def table(result: Mapping[str, Any]) -> list[str]:
    """The medians as lines of Markdown."""
    rows = [
        f"| {name} | {rate} | {result['percent_less'].get(name, '')} "
        f"| {result['tracker_cpu'].get(name, '')} |"
        for name, rate in result["deliveries_per_second"].items()
    ]
    return [
        "| followed | deliveries per second | less, % | the tracker's CPU, s |",
        "| --- | ---: | ---: | ---: |",
        *rows,
    ]


SECTION = Section("tracking", _lines)
