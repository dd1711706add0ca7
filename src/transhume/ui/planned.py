"""A plan as JSON: every step with its rows, commands and way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transhume.core.change import Carry, Change, Keep, Never
from transhume.core.plan import Foreseen


def described(foreseen: Sequence[Foreseen]) -> dict[str, Any]:
    """What `plan --json` prints; `point_of_no_return` is the key of the first step without one."""
    final = next((item.step.key for item in foreseen if item.final), None)
    return {"steps": [_step(item) for item in foreseen], "point_of_no_return": final}


def _step(item: Foreseen) -> dict[str, Any]:
    step = item.step
    return {
        "key": step.key,
        "title": step.title,
        "why": step.why,
        "phase": step.phase,
        "rows": list(step.rows),
        "touches": sorted(step.touches),
        "changes": [_change(change) for change in item.changes],
        "problem": item.problem,
    }


def _change(change: Change) -> dict[str, Any]:
    back = change.back
    return {
        "title": change.title,
        "commands": _commands(change.act),
        "back": {"kind": type(back).__name__.lower(), "reason": back.reason}
        if isinstance(back, (Keep, Never, Carry))
        else {"kind": "change", "commands": _commands(back)},
    }


def _commands(act: Any) -> list[dict[str, str]]:
    return [{"on": command.place, "command": str(command)} for command in act.commands()]
