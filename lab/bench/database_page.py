"""The databases' part of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.bench.section import Section
from lab.bench.sizes import SIZES


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    on, messages = result["machine"], SIZES[result["size"]].messages
    yield (
        f"{result['size']}: {messages:,} messages, {result['rows']:,} rows that name one; "
        f"rounds: {result['rounds']}, alternating, medians; {on['cores']} cores for both "
        f"machines, {on['memory_gib']} GiB, load {on['load_before']} before; {result['at']}, "
        f"`{result['command']}`."
    )
    yield from ("", *table(result))


def table(result: Mapping[str, Any]) -> list[str]:
    """The medians as lines of Markdown."""
    rows = [
        f"| {by} | {seconds} | {result['processor'][by]} | {result['copied'][by]:,} "
        f"| {_times(result, by)} |"
        for by, seconds in result["seconds"].items()
    ]
    return [
        "| by | s | processor, s | rows of them | transhume is sooner |",
        "| --- | ---: | ---: | ---: | ---: |",
        *rows,
    ]


def _times(result: Mapping[str, Any], by: str) -> str:
    sooner = result["sooner"].get(by)
    return "" if sooner is None else f"{sooner} x"


SECTION = Section("database", _lines)
