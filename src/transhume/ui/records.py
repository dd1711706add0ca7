"""What the journal keeps of a change, in lines that a person reads; file bodies aren't opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transhume.engine.codec import Bodies, decode
from transhume.errors import JournalRefused
from transhume.ui.acts import backward, spoken
from transhume.ui.shape import ChangeView
from transhume.ui.words import visible

_WIDTH = 100


class _Closed(Bodies):
    """Stands for every side file: a report holds names of files, never what is in them."""

    def __init__(self) -> None:
        super().__init__(Path())

    def get(self, name: str) -> bytes:
        return b"..."


def command_lines(change: ChangeView) -> list[str]:
    """What was typed."""
    try:
        act = decode(change.act, _Closed())
        return [line for entry in spoken(act) for line in entry.lines(_WIDTH)]
    except (JournalRefused, AttributeError, TypeError):
        # Written by another version: the commands stand there as text as well.
        return [visible(command) for command in change.commands]


def backward_lines(change: ChangeView) -> list[str]:
    """What takes it back, or why nothing does."""
    try:
        back = decode(change.back, _Closed())
        return [line for entry in backward(back) for line in entry.lines(_WIDTH)]
    except (JournalRefused, AttributeError, TypeError):
        return [f"written by another version: {visible(change.back.get('kind', 'unknown'))}"]


def described(change: ChangeView) -> dict[str, Any]:
    """The change for a program."""
    return {
        "id": change.id,
        "step": change.step,
        "title": change.title,
        "at": change.at,
        "seconds": change.seconds,
        "state": change.state,
        "error": change.error,
        "kept": change.kept,
        "commands": command_lines(change),
        "way_back": backward_lines(change),
    }
