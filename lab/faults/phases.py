"""The phases of a move, the command of each, and the changes that a journal has for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias, get_args

from lab.journal import Noted
from lab.shell import LabError

Phase = Literal[
    "check",
    "sync",
    "before the freeze",
    "frozen",
    "after the opening",
    "verify",
    "finish",
    "rollback",
]
PHASES: tuple[Phase, ...] = get_args(Phase)
Changes: TypeAlias = Mapping[Phase, list[str]]

READING: tuple[Phase, ...] = ("check", "verify")
"""What has no changes: it is held before it asks the source anything."""
CUTOVER: tuple[Phase, ...] = ("before the freeze", "frozen", "after the opening")
CHANGING: tuple[Phase, ...] = ("sync", *CUTOVER)
GOING_BACK = CHANGING[:3]
"""After which a rollback leads to the source as it was."""
COLD: tuple[Phase, ...] = ("check", "sync")
"""What begins on machines on which nothing was begun; all else has had its first sync."""
BACK: Phase = "rollback"

WORDS: Mapping[Phase, tuple[str, ...]] = {
    "check": ("check",),
    "sync": ("sync",),
    "before the freeze": ("cutover", "--yes"),
    "frozen": ("cutover", "--yes"),
    "after the opening": ("cutover", "--yes"),
    "verify": ("verify",),
    "finish": ("finish",),
    "rollback": ("rollback",),
}
ROAD = tuple(dict.fromkeys(WORDS[phase] for phase in PHASES if phase != BACK))
"""All that is typed in a move that arrives."""


def by_phase(events: Iterable[Noted]) -> dict[Phase, list[str]]:
    """The changes of a journal, each once, by the phase in which they were begun."""
    found: dict[Phase, list[str]] = {phase: [] for phase in PHASES}
    phase: Phase = "sync"
    back: list[str] = []
    for event in events:
        if event.kind == "walk-begun":
            phase = _begins(event.name)
        elif event.kind == "down":
            phase = "frozen"
        elif event.kind == "change-begun":
            phase = "after the opening" if event.final and phase in CUTOVER else phase
            if event.name not in found[phase]:
                found[phase].append(event.name)
            if event.undone and phase in GOING_BACK:
                back.append(taken_back(event.name))
    found[BACK] = list(dict.fromkeys(reversed(back)))
    missing = [phase for phase in PHASES if phase not in READING and not found[phase]]
    if missing:
        raise LabError(f"the undisturbed move didn't come through {', '.join(missing)}")
    return found


def _begins(command: str) -> Phase:
    named: dict[str, Phase] = {"sync": "sync", "verify": "verify", "finish": "finish"}
    return named.get(command, "before the freeze")


def taken_back(change: str) -> str:
    """What the change is called when it is taken back."""
    return f"{BACK}: {change.partition(': ')[2]}"


def beside(events: Iterable[Noted]) -> set[str]:
    """The changes of steps that went on beside others."""
    steps: set[str] = set()
    going: set[str] = set()
    changes: set[str] = set()
    for event in events:
        if event.kind == "walk-begun":
            going.clear()
        elif event.kind == "step-begun":
            going.add(event.name)
            steps |= going if len(going) > 1 else set()
        elif event.kind == "step-done":
            going.discard(event.name)
        elif event.kind == "change-begun":
            changes.add(event.name)
    return {name for name in changes if name.partition(": ")[0] in steps}
