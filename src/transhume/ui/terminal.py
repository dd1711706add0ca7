"""Findings, plan and errors on a terminal: few words, aligned, the next command last."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TextIO

import typer
from rich.console import Console
from rich.text import Text

from transhume.core.change import Carry, Change, Never, WriteFile, leaves
from transhume.core.plan import Foreseen
from transhume.errors import TranshumeError
from transhume.ui.acts import Spoken, backward, brief_backs, difference, moved, on, places, spoken
from transhume.ui.layout import natural, paragraph, put, row, rule, text
from transhume.ui.words import ranges

Former = Callable[[WriteFile], "bytes | None"]
"""What a file holds before it is written; None when it isn't there."""


def make_console(file: TextIO | None = None) -> Console:
    """The console for this process; it never takes text for markup, emoji or a link."""
    stream = file or sys.stdout
    return Console(file=stream, markup=False, highlight=False, emoji=False)


def confirm(question: str) -> bool:
    """Whether somebody who is there says yes."""
    if not sys.stdin.isatty():
        return False
    try:
        return typer.confirm(question, default=False)
    except typer.Abort:
        # What was typed was Ctrl-C or Ctrl-D: the walk has to hear of it.
        raise KeyboardInterrupt from None


def plan(
    console: Console,
    foreseen: Sequence[Foreseen],
    commands: bool = False,
    former: Former | None = None,
) -> None:
    """The steps with their ways back, and where the point of no return lies."""
    widths = _plan_widths(console, foreseen)
    titles = ("phase", "step", "on", "way back", "page")
    row(console, [Text(title, style="dim") for title in titles], widths)
    phase, returned = "", False
    for step in foreseen:
        carried = _reason(step, Carry)
        if carried:
            rule(console, "people are let in", carried, "bold")
        if step.final and not returned:
            rule(console, "point of no return", _reason(step, Never), "bold yellow")
            returned = True
        first = "" if step.step.phase == phase else step.step.phase
        phase = step.step.phase
        row(console, [Text(first, style="bold"), *_plan_cells(step, widths[3])], widths)
        if commands:
            for change in step.changes:
                _change(console, change, former)


def _plan_cells(foreseen: Foreseen, width: int = 40) -> list[Text]:
    step, changes = foreseen.step, foreseen.changes
    amount = moved(changes)
    title = text(f"{step.title}, {amount}" if amount else step.title, "" if changes else "dim")
    back = Text(brief_backs(changes))
    back.truncate(width, overflow="ellipsis")
    where = on(places(changes) or step.touches)
    return [title, Text(where), back, Text(ranges(step.rows), style="dim")]


def _plan_widths(console: Console, foreseen: Sequence[Foreseen]) -> list[int]:
    cells = [_plan_cells(step) for step in foreseen] or [[Text()] * 4]
    title, _, back, page = (natural([row[i] for row in cells], 60) for i in range(4))
    fixed = (7, 6, min(max(page, 4), 12))
    # The title may take what the way back leaves of its least; the way back takes the rest.
    room = console.width - 1 - sum(fixed) - 8
    title = min(title, max(room - 16, 16))
    return [7, title, 6, max(min(back, room - title), 8), fixed[2]]


def _reason(foreseen: Foreseen, kind: type[Never] | type[Carry]) -> str:
    backs = (change.back for change in foreseen.changes)
    return next((back.reason for back in backs if isinstance(back, kind)), "")


def _change(console: Console, change: Change, former: Former | None) -> None:
    put(console, Text("   ").append_text(text(change.title, "bold")))
    for leaf in leaves(change.act):
        _say(console, list(spoken(leaf)), "green")
        if former is not None and isinstance(leaf, WriteFile):
            _difference(console, difference(former(leaf), leaf.content, leaf.path))
    put(console, Text("     way back", style="dim"))
    _say(console, backward(change.back), "blue")


def _say(console: Console, entries: Sequence[Spoken], style: str) -> None:
    for entry in entries:
        for line in entry.lines(console.width - 8):
            put(console, Text(f"       {line}", style=style if entry.typed else ""))


_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def _difference(console: Console, lines: Sequence[str]) -> None:
    for line in lines:
        put(console, Text(f"       {line}", style=_DIFF_STYLES.get(line[:1], "dim")))


def error(console: Console, problem: TranshumeError, entry: int | None = None) -> None:
    """One error: what, what it means for the two machines, what to type next."""
    what, *details = problem.what.strip().splitlines() or [""]
    stop = "" if what.endswith((".", "!", "?", ":")) or details else "."
    paragraph(console, f"transhume: {what}{stop}", hang=2, style="bold")
    for detail in details:
        paragraph(console, detail, indent=4)
    if problem.state:
        paragraph(console, problem.state, indent=2)
    if problem.remedy:
        paragraph(console, f"Next: {problem.remedy}", indent=2, hang=6)
    if entry is not None:
        paragraph(console, f"Details: transhume status, or the journal's entry {entry}.", indent=2)
