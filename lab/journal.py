"""What the tool's journal says that it began, read without the tool."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lab.scene import Scene

_EVENTS = """
import json, sqlite3
rows = sqlite3.connect("file:/var/lib/transhume/journal.db?mode=ro", uri=True).execute(
    "select kind, data from event where kind in ('walk-begun', 'change-begun', 'down') order by id"
)
for kind, text in rows:
    data = json.loads(text)
    if kind == "change-begun":
        named = f"{data['step']}: {data['title']}"
        final = data["back"]["kind"] in ("Never", "Carry")
    else:
        named, final = data.get("command", ""), False
    print(json.dumps([kind, named, final]))
"""


def events(run: Scene) -> Iterator[tuple[str, str, bool]]:
    """Kind, name, and whether people are let in: walks, changes and the outage, in order."""
    printed = run.pair.target.exec(("python3", "-c", _EVENTS)).stdout
    for line in printed.splitlines():
        kind, named, final = json.loads(line)
        yield kind, named, final
