"""Aligned text without boxes, on any width and any encoding; the one place that prints."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from transhume.ui.words import line, visible

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
        clean = Text(visible(part.strip()), style=style)
        for piece in clean.wrap(console, max(20, console.width - indent - hang), overflow="fold"):
            put(console, Text(" " * first).append_text(piece))
            first = indent + hang


def rule(console: Console, label: str, style: str = "") -> None:
    """A thin line across, with a label in its middle."""
    words = f" {line(label)} "
    room = max(console.width - 1 - len(words), 6)
    left = room // 2
    put(console, Text(" " + "─" * left + words + "─" * (room - left - 1), style=style))


def natural(cells: Sequence[Text], most: int) -> int:
    """The width that the longest cell wants, up to `most`."""
    return min(max((cell.cell_len for cell in cells), default=0), most)
