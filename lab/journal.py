"""What the tool's journal says that it began, read without the tool."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from lab.scene import Scene

_EVENTS = """
import json, sqlite3
rows = sqlite3.connect("file:/var/lib/transhume/journal.db?mode=ro", uri=True).execute(
    "select kind, data from event where kind in ('walk-begun', 'change-begun', 'down', "
    "'step-begun', 'step-done') order by id"
)
for kind, text in rows:
    data = json.loads(text)
    name, back = data.get("command") or data.get("step") or "", ""
    if kind == "change-begun":
        name, back = f"{data['step']}: {data['title']}", data["back"]["kind"]
    print(json.dumps([kind, name, back]))
"""
_FINAL = ("Never", "Carry")


@dataclass(frozen=True)
class Noted:
    """One entry, with a walk's command, a step's key, or a change's name and its way back."""

    kind: str
    name: str = ""
    back: str = ""

    @property
    def final(self) -> bool:
        """Whether people are let in by it."""
        return self.back in _FINAL

    @property
    def undone(self) -> bool:
        """Whether the way back does something."""
        return bool(self.back) and self.back not in (*_FINAL, "Keep")


def events(run: Scene) -> Iterator[Noted]:
    """Walks, steps, changes and the outage, in order."""
    printed = run.pair.target.exec(("python3", "-c", _EVENTS)).stdout
    for line in printed.splitlines():
        yield Noted(*json.loads(line))
