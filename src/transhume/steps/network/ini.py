"""Sections and keys of an ini-like file with the lines on which they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from transhume.steps.network.edit import Text


@dataclass(frozen=True)
class Entry:
    """`key=value`, from the first to the last of its lines."""

    first: int
    last: int
    key: str
    value: str


@dataclass
class Section:
    """`[name]` with what follows it; a name may stand several times in a file."""

    name: str
    line: int
    entries: list[Entry] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The line after which a new entry goes."""
        return self.entries[-1].last if self.entries else self.line

    def values(self, key: str) -> list[str]:
        """What is assigned to the key, in order."""
        return [entry.value for entry in self.entries if entry.key == key]

    def drop(self, text: Text) -> None:
        """Remove it from the text; comments inside stay."""
        text.drop(self.line)
        for entry in self.entries:
            text.drop(entry.first, entry.last)


def sections(text: Text, *, continued: bool) -> list[Section]:
    """All sections in order; `continued` where a backslash at a line's end joins the next one."""
    found: list[Section] = []
    for first, last, line in _statements(text, continued):
        if line.startswith("["):
            found.append(Section(line[1:].partition("]")[0], first))
        elif found and "=" in line:
            key, _, value = line.partition("=")
            found[-1].entries.append(Entry(first, last, key.strip(), value.strip()))
    return found


def _statements(text: Text, continued: bool) -> Iterator[tuple[int, int, str]]:
    first, joined = 0, ""
    for number, raw in enumerate(text.lines):
        line = raw.strip()
        if line.startswith(("#", ";")):
            continue
        first = first if joined else number
        if continued and line.endswith("\\"):
            joined += line[:-1] + " "
            continue
        if joined + line:
            yield first, number, joined + line
        joined = ""
