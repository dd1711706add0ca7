"""The first copy's part of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.bench.section import Section

_HEAD = (
    "| line | files | by | s | until equal, s | source CPU, s | target CPU, s | differing |",
    "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
)


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    small, large = (result["trees"][f"/var/spool/{name}"] for name in ("small", "large"))
    yield (
        f"{result['size']}: {small['files']:,} small files of {small['bytes'] >> 20:,} MiB, "
        f"{large['files']} large ones of {large['bytes'] >> 20:,} MiB; rounds: "
        f"{result['rounds']}, alternating, medians; {result['machine']['cores']} cores for both "
        f"machines, load {result['machine']['load_before']} before; {result['at']}, "
        f"`python -m lab.bench.copy {result['size']} --rounds {result['rounds']}`."
    )
    yield from ("", *table(result), "")
    yield from (f"- {name}: {value}" for name, value in result["ratios"].items())


def table(result: Mapping[str, Any]) -> list[str]:
    """The medians as lines of Markdown."""
    rows = [
        f"| {line} | {what} | {by} | {_cells(each)} |"
        for line, by_what in result["medians"].items()
        for what, ways in by_what.items()
        for by, each in ways.items()
    ]
    return [*_HEAD, *rows]


def _cells(each: Mapping[str, Any]) -> str:
    if each["seconds"] is None:
        return f"did not finish in {each['limit']:.0f} s | | | |"
    measured = (each["seconds"], each.get("equal", ""), each["source_cpu"], each["target_cpu"])
    return " | ".join((*map(str, measured), f"{each['differing']:.0f}"))


SECTION = Section("copy", _lines)
