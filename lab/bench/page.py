"""Writes docs/benchmarks.md and its curve from the results that are kept beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from lab import places
from lab.bench.result import PARTS
from lab.bench.sizes import SIZES

DOCS = places.CHECKOUT / "docs"
KEPT = DOCS / "benchmarks"
RESULT = places.CHECKOUT / "build" / "bench"
BEGIN, END = "<!-- begin results: written by lab/bench -->", "<!-- end results -->"
_WIDTH, _HEIGHT, _EDGE = 640, 320, 56
_COLOURS = {"documented": "#b4552d", "transhume": "#1f6f5c"}


def kept() -> dict[str, dict[str, Any]]:
    """The results by size, in the order of the sizes."""
    found = {name: KEPT / f"{name}.json" for name in SIZES}
    return {name: json.loads(path.read_text()) for name, path in found.items() if path.exists()}


def write() -> None:
    """Put the tables into the page, and draw the curve anew."""
    page = DOCS / "benchmarks.md"
    page.write_text(filled_in(page.read_text(), kept()))
    (KEPT / "downtime.svg").write_text(curve(kept()))


def filled_in(page: str, results: Mapping[str, Mapping[str, Any]]) -> str:
    """The page with what stands between the two marks made anew."""
    head, _, rest = page.partition(BEGIN)
    tail = rest.partition(END)[2]
    return f"{head}{BEGIN}\n\n{chr(10).join(_tables(results))}\n\n{END}{tail}"


def _tables(results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield from _downtimes(results)
    for name, result in results.items():
        yield ""
        yield from _split(name, result)


def _downtimes(results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield (
        "| size | messages | documented, s | transhume, s | less stop and start, s | ratio | lost |"
    )
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name, found in results.items():
        yield (
            f"| {name} | {SIZES[name].messages:,} | {found['documented_downtime_seconds']} "
            f"| {found['transhume_downtime_seconds']} | {found['transhume_overhead_seconds']} "
            f"| {found['ratio']} x | {found['messages_missing']} |"
        )


def _split(name: str, result: Mapping[str, Any]) -> Iterator[str]:
    runs = [run["way"] for run in result["runs"]]
    machine = result["machine"]
    yield (
        f"{name}: rounds: {runs.count('documented')} and {runs.count('transhume')}, alternating, "
        f"medians; {machine['cores']} cores, {machine['memory_gib']} GiB, load "
        f"{machine['load_before']} before; {result['at']}, `make bench SIZE={name}`."
    )
    yield ""
    yield f"| {name}, s | {' | '.join(PARTS)} |"
    yield f"| --- |{' ---: |' * len(PARTS)}"
    for way, parts in result["parts"].items():
        yield f"| {way} | {' | '.join(str(parts[part]) for part in PARTS)} |"


def curve(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Downtime over the number of messages, both scales logarithmic, as SVG."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        *_axes(),
    ]
    for way, colour in _COLOURS.items():
        points = [
            (_across(SIZES[name].messages), _up(found[f"{way}_downtime_seconds"]), found)
            for name, found in results.items()
        ]
        lines += _line(way, colour, points)
    return "\n".join([*lines, "</svg>", ""])


def _axes() -> Iterator[str]:
    for seconds in (1, 10, 100, 1000):
        y = _up(seconds)
        yield f'<path d="M{_EDGE} {y:.1f}H{_WIDTH - 20}" stroke="#ddd"/>'
        yield f'<text x="{_EDGE - 8}" y="{y + 4:.1f}" text-anchor="end">{seconds} s</text>'
    for name, size in SIZES.items():
        x = _across(size.messages)
        label = f"{name}, {size.messages // 1000:,} thousand"
        yield f'<text x="{x:.1f}" y="{_HEIGHT - 16}" text-anchor="middle">{label}</text>'


def _line(way: str, colour: str, points: list[tuple[float, float, Any]]) -> Iterator[str]:
    if not points:
        return
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in points)
    yield f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, y, found in points:
        seconds = found[f"{way}_downtime_seconds"]
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
        yield f'<text x="{x + 8:.1f}" y="{y - 8:.1f}" fill="{colour}">{seconds:.0f} s</text>'
    x, y, _ = points[0]
    yield f'<text x="{x:.1f}" y="{y + 20:.1f}" fill="{colour}">{way}</text>'


def _across(messages: int) -> float:
    """Ten thousand at the left edge, two million at the right one."""
    return _EDGE + (_WIDTH - _EDGE - 20) * (math.log10(messages) - 4) / (math.log10(2e6) - 4)


def _up(seconds: float) -> float:
    """One second at the bottom, a thousand at the top."""
    height = _HEIGHT - 40 - 24
    return _HEIGHT - 40 - height * math.log10(max(1.0, seconds)) / 3
