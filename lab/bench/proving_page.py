"""The part of docs/benchmarks.md about proving, from the results that are kept beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.bench.page import DOCS, KEPT

BEGIN = "<!-- begin proving: written by lab/bench/proving.py -->"
END = "<!-- end proving -->"
_INTERRUPTED = 130
_HEAD = (
    "| size | command | s | target, MiB | source, MiB |",
    "| --- | --- | ---: | ---: | ---: |",
)


def keep(result: Path) -> None:
    """Put a result beside the page, and the table into it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    shutil.copy(result, KEPT)
    page = DOCS / "benchmarks.md"
    results = [json.loads(path.read_text()) for path in sorted(KEPT.glob("proving-*.json"))]
    page.write_text(filled_in(page.read_text(), results))


def filled_in(page: str, results: list[dict[str, Any]]) -> str:
    """The page with what stands between the two marks made anew."""
    head, _, rest = page.partition(BEGIN)
    tail = rest.partition(END)[2]
    lines = [line for result in results for line in ("", *_section(result))]
    return f"{head}{chr(10).join((BEGIN, *lines, '', END))}{tail}"


def _section(result: Mapping[str, Any]) -> Iterator[str]:
    machine, size = result["machine"], result["size"]
    bodies, entries = result["filled"]["messages"], _compared(result, "entries")
    yield (
        f"{size}: {bodies:,} bodies, {entries:,} entries of trees, "
        f"{_compared(result, 'tables'):,} tables; {machine['cores']} cores for both machines, "
        f"{machine['memory_gib']} GiB, load {machine['load_before']} before; "
        f"{result['at']}, `python -m lab.bench.proving {size}`."
    )
    yield from ("", *_HEAD)
    for cost in result["costs"]:
        # What somebody interrupted took no time that says anything.
        if cost["status"] != _INTERRUPTED:
            target, source = _peaks(result, cost)
            yield f"| {size} | {_named(cost)} | {cost['seconds']} | {target} | {source} |"


def _peaks(result: Mapping[str, Any], cost: Mapping[str, Any]) -> tuple[str, str]:
    """What transhume's own report says of its processes; of others all together, as was seen."""
    told = _told(result, cost["what"])
    if told is None:
        seen = (cost["target_mib"], cost["source_mib"])
        return tuple(f"{mib:.0f}" if mib else "" for mib in seen)  # type: ignore[return-value]
    mib = {part: f"{bytes_ / (1 << 20):.0f}" for part, bytes_ in told.items()}
    return f"{mib['transhume']} + {mib.get('target', '0')}", mib.get("source", "")


def _told(result: Mapping[str, Any], what: str) -> Mapping[str, int] | None:
    """The memory of such a command that came to its end; checks stand for themselves.

    The report doesn't name options: what has one was typed after what has none.
    """
    if what == "transhume check":
        return next((check["memory"] for check in result["checks"]), None)
    tool, command, *options = what.split()
    ended = [walk for walk in result["walks"] if walk["outcome"] == "done"]
    memory = [walk["memory"] for walk in ended if (tool, walk["command"]) == ("transhume", command)]
    return memory[-1 if options else 0] if memory else None


def _compared(result: Mapping[str, Any], unit: str) -> int:
    return sum(proof["compared"] for proof in result["proofs"] if proof["unit"] == unit)


def _named(cost: Mapping[str, Any]) -> str:
    said = f" ({cost['said']})" if cost["what"].startswith("count") else ""
    return f"`{cost['what']}`{said}" + (f", status {cost['status']}" if cost["status"] else "")
