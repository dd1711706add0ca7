"""A console whose output can be read back."""

from __future__ import annotations

import io
import unicodedata

from rich.console import Console


class Sheet(Console):
    """Prints into memory; `screen` makes it a terminal without colours."""

    def __init__(self, width: int = 80, *, screen: bool = False, encoding: str = "utf-8") -> None:
        self.written = io.BytesIO()
        super().__init__(
            file=io.TextIOWrapper(self.written, encoding, write_through=True),
            width=width,
            height=25,
            force_terminal=screen,
            color_system=None,
            _environ={"TERM": "xterm"},
        )

    @property
    def text(self) -> str:
        """What was printed."""
        return self.written.getvalue().decode()

    @property
    def rows(self) -> list[str]:
        """The same, line by line."""
        return self.text.splitlines()


def tame(text: str) -> bool:
    """Whether no character of the text commands a terminal, hides, or can't be encoded."""
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return not [char for char in text if char != "\n" and unicodedata.category(char) in hidden]
