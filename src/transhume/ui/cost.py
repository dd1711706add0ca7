"""What each command took, as part of the report: its time, and the most memory on each machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from transhume.ui.shape import Look, Status, Walk
from transhume.ui.words import duration, line, moment, size

HEADS = ("command", "when", "took", "transhume", "its programs, new server", "old server")
_PARTS = ("transhume", "target", "source")


def rows(status: Status) -> list[tuple[str, ...]]:
    """A row for each command that came to its end, in their order; nothing of it is HTML yet.

    Memory is that of the largest single process: transhume itself runs on the new server alone.
    """
    return [cells for _, cells in sorted(_rows(status))]


def _rows(status: Status) -> Iterator[tuple[float, tuple[str, ...]]]:
    for walk in status.walks:
        if walk.ended is not None:
            took = walk.ended - walk.began
            yield walk.began, (f"transhume {line(walk.command)}", *_told(walk.began, took, walk))
    for look in status.looks:
        yield look.at, ("every check", *_told(look.at, look.seconds, look))


def _told(began: float, seconds: float, what: Walk | Look) -> tuple[str, ...]:
    return moment(began), duration(seconds), *(_memory(what.memory, part) for part in _PARTS)


def _memory(known: Mapping[str, int], part: str) -> str:
    return size(known[part]) if part in known else ""
