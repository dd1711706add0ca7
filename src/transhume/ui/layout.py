"""Aligned text without boxes, on any width and any encoding; the one place that prints."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from transhume.ui.words import line, visible

_COMMAND = re.compile(r"\b(transhume) (?=[a-z])")
_BOUND = "\ue000"
"""Stands for the blank in a command, which must not be torn apart at the end of a line."""
_SHORTEST_RULE = 8
_PLAIN = str.maketrans(
    {
        "→": "->",
        "\N{EN DASH}": "-",
        "─": "-",
        "━": "=",
        "·": "-",
        "…": "...",
    }
)


def text(content: object, style: str = "") -> Text:
    """Foreign text on one line: never markup, never a control character."""
    return Text(line(content), style=style)


def put(console: Console, content: Text) -> None:
    """Print as it stands: wrapping was decided before, and a copied command must stay whole."""
    content.rstrip()
    console.print(encodable(console, content), soft_wrap=True)


def encodable(console: Console, content: Text) -> Text:
    """The text as this console's encoding can show it."""
    if console.options.ascii_only:
        plain = content.plain.translate(_PLAIN)
        return Text(plain.encode("ascii", "replace").decode())
    return content


def row(
    console: Console, cells: Sequence[Text], widths: Sequence[int], *, indent: int = 1, gap: int = 2
) -> None:
    """Cells side by side, each wrapped within its width."""
    # A width of 0 is a column that there is no room for.
    shown = [(cell, width) for cell, width in zip(cells, widths, strict=True) if width > 0]
    wrapped = [(cell.wrap(console, width, overflow="fold"), width) for cell, width in shown]
    for index in range(max((len(lines) for lines, _ in wrapped), default=0)):
        whole = Text(" " * indent)
        for lines, width in wrapped:
            piece = lines[index] if index < len(lines) else Text()
            piece.rstrip()
            whole.append_text(piece)
            whole.append(" " * (width - piece.cell_len + gap))
        put(console, whole)


def paragraph(
    console: Console, content: object, *, indent: int = 0, hang: int = 0, style: str = ""
) -> None:
    """Running text; line breaks of its own are kept, later lines are indented by `hang` more."""
    first = indent
    for part in str(content).splitlines() or [""]:
        bound = _COMMAND.sub(rf"\1{_BOUND}", visible(part.strip()))
        width = max(20, console.width - indent - hang)
        for piece in Text(bound, style=style).wrap(console, width, overflow="fold"):
            piece.plain = piece.plain.replace(_BOUND, " ")
            put(console, Text(" " * first).append_text(piece))
            first = indent + hang


def rule(console: Console, label: str, reason: str, style: str = "") -> None:
    """A thin line across with a label in its middle; a long reason goes below."""
    words = f" {label}: {line(reason)} " if reason else f" {label} "
    fits = len(words) + _SHORTEST_RULE <= console.width
    shown = words if fits else f" {label} "
    room = max(console.width - 1 - len(shown), _SHORTEST_RULE)
    left = room // 2
    put(console, Text(" " + "─" * left + shown + "─" * (room - left - 1), style=style))
    if not fits:
        paragraph(console, reason, indent=10, style=style)


def natural(cells: Sequence[Text], most: int) -> int:
    """The width that the longest cell wants, up to `most`."""
    return min(max((cell.cell_len for cell in cells), default=0), most)
