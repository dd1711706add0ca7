"""The first copy's part of docs/benchmarks.md, from the results that are kept beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.bench.page import DOCS, KEPT

BEGIN, END = "<!-- begin copies: written by lab/bench/copy.py -->", "<!-- end copies -->"
_HEAD = (
    "| line | files | by | s | until equal, s | source CPU, s | target CPU, s | differing |",
    "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
)


def keep(result: Path) -> None:
    """Put a result beside the page, and the tables into it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    shutil.copy(result, KEPT)
    page = DOCS / "benchmarks.md"
    page.write_text(filled_in(page.read_text(), kept()))


def kept() -> list[dict[str, Any]]:
    """The results that were kept, by their names."""
    return [json.loads(path.read_text()) for path in sorted(KEPT.glob("copy-*.json"))]


def filled_in(page: str, results: list[dict[str, Any]]) -> str:
    """The page with what stands between the two marks made anew."""
    head, _, rest = page.partition(BEGIN)
    tail = rest.partition(END)[2]
    lines = [line for result in results for line in ("", *_section(result))]
    return f"{head}{chr(10).join((BEGIN, *lines, '', END))}{tail}"


def _section(result: Mapping[str, Any]) -> Iterator[str]:
    small, large = (result["trees"][f"/var/spool/{name}"] for name in ("small", "large"))
    yield (
        f"{result['size']}: {small['files']:,} small files of {small['bytes'] >> 20:,} MiB, "
        f"{large['files']} large ones of {large['bytes'] >> 20:,} MiB; {result['rounds']} runs "
        f"each, alternating, medians; {result['machine']['cores']} cores for both machines, load "
        f"{result['machine']['load_before']} before; "
        f"`python -m lab.bench.copy {result['size']} --rounds {result['rounds']}`."
    )
    yield from ("", *table(result), "")
    yield from (f"- {name}: {value}" for name, value in result["ratios"].items())


def table(result: Mapping[str, Any]) -> list[str]:
    """The medians as lines of Markdown."""
    rows = [
        f"| {line} | {what} | {by} | {each['seconds']} | {each.get('equal', '')} "
        f"| {each['source_cpu']} | {each['target_cpu']} | {each['differing']:.0f} |"
        for line, by_what in result["medians"].items()
        for what, ways in by_what.items()
        for by, each in ways.items()
    ]
    return [*_HEAD, *rows]
