"""What following costs: its part of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.bench.section import Section

_HEAD = (
    "| followed | deliveries per second | less, % | source CPU each, ms | more, % | tracker, s |",
    "| --- | ---: | ---: | ---: | ---: | ---: |",
)


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    on, each = result["machine"], result["messages"]
    yield (
        f"{result['size']}: runs of {each:,} messages, rounds: {result['rounds']}, medians; "
        f"{on['cores']} cores for both machines, {on['memory_gib']} GiB, load {on['load_before']} "
        f"before; {result['at']}, `{result['command']}`."
    )
    yield from ("", *table(result), "")
    yield f"The tracker held {result['tracker_mib']} MiB at most."


def table(result: Mapping[str, Any]) -> list[str]:
    """The medians as lines of Markdown."""
    less, more = result["percent_less"], result["percent_more"]
    rows = [
        f"| {name} | {rate} | {less.get(name, '')} | {result['processor_ms'][name]} "
        f"| {more.get(name, '')} | {result['tracker_seconds'].get(name, '')} |"
        for name, rate in result["deliveries_per_second"].items()
    ]
    return [*_HEAD, *rows]


SECTION = Section("tracking", _lines)
