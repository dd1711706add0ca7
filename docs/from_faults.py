"""The table of what make faults has tried, from the cells that it recorded."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from markdown import cell, table

CELLS = Path(__file__).parent / "run" / "faults.json"
_PHASES = (
    "check",
    "sync",
    "before the freeze",
    "frozen",
    "after the opening",
    "verify",
    "finish",
    "rollback",
)


def cells() -> str:
    """Each fault with its phases, and the sums."""
    found = [each for each in json.loads(CELLS.read_text()) if each["outcome"] != "not met"]
    names = list(dict.fromkeys(each["fault"] for each in found))
    rows = [
        (
            cell(name),
            *(_tried(each for each in found if _is(each, name, phase)) for phase in _PHASES),
        )
        for name in sorted(names)
    ]
    head = ("fault", *_PHASES)
    return "\n\n".join([_sums(found), table(head, rows), *_wrong(found)])


def _is(entry: dict[str, Any], name: str, phase: str) -> bool:
    return bool(entry["fault"] == name and entry["phase"] == phase)


def _tried(entries: Iterable[dict[str, Any]]) -> str:
    """How many went on by themselves, were gone on with, or taken back."""
    known = list(entries)
    parts = [
        f"{count} {word}"
        for outcome, word in _WORDS.items()
        if (count := sum(each["right"] and each["outcome"] == outcome for each in known))
    ]
    wrong = sum(not each["right"] for each in known)
    return ", ".join([*parts, *([f"**{wrong} not as promised**"] if wrong else [])])


_WORDS = {
    "went on": "went on",
    "finished when run again": "again",
    "rolled back": "back",
    "nothing had begun": "again",
}


def _sums(found: list[dict[str, Any]]) -> str:
    total = {key: sum(each[key] for each in found) for key in ("messages", *_COUNTED)}
    kept = sum(each["right"] for each in found)
    return (
        f"{len(found)} cells tried, {kept} as promised. Messages accepted meanwhile: "
        f"{total['messages']}; lost {total['messages_missing']}, doubled "
        f"{total['messages_doubled']}. Source intact in {total['source_intact']}. *Went on*: the "
        "tool ended well by itself; *again*: after the same command was typed again; *back*: after "
        "`rollback`."
    )


_COUNTED = ("messages_missing", "messages_doubled", "source_intact")


def _wrong(found: list[dict[str, Any]]) -> Iterable[str]:
    lines = [
        f"- {cell(each['fault'])}, {each['phase']}, at `{each['change']}`: "
        f"{cell('; '.join(each['differences'][:2]) or each['outcome'])}"
        for each in found
        if not each["right"]
    ]
    return ["Not as promised:", "\n".join(lines)] if lines else []
