"""The commands with their recorded screens, and the picture of a recorded move."""

from __future__ import annotations

import io
import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

import typer
from markdown import cell, code, screen, table
from rich.console import Console
from rich.text import Text

from transhume.core.event import Event
from transhume.ui.cli import app
from transhume.ui.live import Live
from transhume.ui.view import apply

RUN = Path(__file__).parent / "run"
_WIDTH = 100
_TITLE = "a BlueMind stand-in moves from Debian 11 to Debian 13"

SCREENS: dict[str, tuple[str, ...]] = {
    "key": (),
    "plan": ("plan", "plan-commands"),
    "sync": ("sync-first", "sync"),
    "cutover": ("cutover-report", "cutover", "cutover-interrupted"),
    "rollback": ("rollback", "rollback-opened"),
    "status": ("status-interrupted", "status"),
}
"""The records of a command, where they aren't just the one of its name."""

_MOST = 70
_ALIKE = re.compile(r"^\S+ +\+ *\S+ s  (kept: |proved: |holds already: |(?!begins)[/\w.-]+: \S+ )")
"""Lines of a walk that come in runs: what was kept, what was proved, how far a part is."""


def command(name: str) -> str:
    """What a command does, its options, and what it printed in the recorded move."""
    known = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    told = "\n\n".join(" ".join(part.split()) for part in known.help.split("\n\n"))
    options = [_parameter(item) for item in known.params if item.name != "help"]
    recorded = [screen(shortened(_read(key))) for key in SCREENS.get(name, (name,))]
    return "\n\n".join([told, table(("option", "meaning", "default"), options), *recorded])


def _parameter(item: Any) -> tuple[str, str, str]:
    named = getattr(item, "opts", None) or [item.name]
    option = item.param_type_name == "option"
    shown = ", ".join(code(word) for word in named) if option else code(item.name.upper())
    default = "" if item.default in (None, False) or item.required else code(str(item.default))
    return shown, cell(item.help or ""), "required" if item.required else default


def _read(key: str) -> str:
    path = RUN / f"{key}.txt"
    if not path.exists():
        raise LookupError(f"{path.name} isn't recorded: python -m docs.record")
    return path.read_text()


def shortened(text: str) -> str:
    """A screen with its runs of alike lines cut to their first and last, then to its beginning."""
    lines = [line for _, run in groupby(text.splitlines(), _alike) for line in _ends(list(run))]
    rest = len(lines) - _MOST
    return "\n".join([*lines[:_MOST], f"… {rest} more lines"] if rest > 1 else lines)


def _alike(line: str) -> str:
    """What a line shares with its neighbours; the line itself when it stands alone."""
    match = _ALIKE.match(line)
    if match is None:
        return line
    return match[1] if match[1].endswith(": ") else "how far a part is"


def _ends(run: list[str]) -> list[str]:
    return run if len(run) < 4 else [run[0], f"… {len(run) - 2} more like these", run[-1]]


def picture() -> str:
    """The cutover of the recorded move as a terminal shows it."""
    paper = io.StringIO()
    console = Console(
        file=paper, width=_WIDTH, record=True, force_terminal=True, color_system="truecolor"
    )
    live = Live(console)
    console.print(Text("# transhume cutover --yes", style="bold"))
    shown = False
    for event in _events():
        apply(live.status, event)
        if event.kind == "walk-begun":
            shown = event.data["command"] == "cutover"
        if shown:
            live.heard(event, event.at)
    drawn = console.export_svg(title=_TITLE, unique_id="transhume")
    # Whoever looks at it must not fetch fonts from elsewhere.
    return re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)


def _events() -> list[Event]:
    return [Event(**event) for event in json.loads((RUN / "journal.json").read_text())]
