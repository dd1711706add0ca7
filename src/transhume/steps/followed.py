"""What the tracker on the source tells: which paths of which trees changed, and what it missed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from transhume.core.change import Place, Run
from transhume.core.host import Pair
from transhume.errors import NONSENSE, StepFailed

FOLDER = "/var/lib/transhume-tracker"
"""On the source; removed at the end."""

FOLLOWING = ("names", "folders")
"""The ways in which the kernel tells what changes; a tree of another way is scanned."""

FIRST = "nothing was copied yet"
"""The gap that every tracker begins with; see agent/tracker.py."""

Since = Literal["acked", "rest", "proved"]


@dataclass(frozen=True)
class News:
    """What is told of one tree: in which way it is followed, why the list isn't whole, the paths.

    `count`, `handed` and `seconds` are how many paths wait, how many the last pass brought, and
    what it took; `proved` says whether its proof still counts, and `open` how many paths changed
    since. They are told when it is counted, and the paths when it is asked.
    """

    way: str
    gaps: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    count: int = 0
    handed: int = 0
    seconds: float = 0.0
    proved: bool = False
    open: int = 0

    @property
    def names(self) -> bytes:
        """The paths as the disk has them, each with a NUL after it."""
        return b"".join(os.fsencode(path) + b"\0" for path in self.paths)


@dataclass(frozen=True)
class Told:
    """One answer. With a `problem` nothing is known, and every tree has to be scanned."""

    run: str = ""
    seq: int = 0
    problem: str = ""
    trees: dict[str, News] = field(default_factory=dict)

    def of(self, path: str) -> News | None:
        """The tree's news when they are whole: None says that the tree has to be scanned."""
        news = self.trees.get(path)
        return None if news is None or news.gaps else news


def asked(pair: Pair, since: Since) -> Told:
    """What changed since the last copy (`acked`), all that is left (`rest`), or since the proof."""
    return _told(pair, "ask", FOLDER, since)


def asked_at_end(pair: Pair) -> tuple[Told, Told]:
    """All that is left, and what changed since the proof, both as of the same moment."""
    rest, proved = _all_told(pair, 2, "ask", FOLDER, "rest", "proved")
    return rest, proved


def counted(pair: Pair) -> Told:
    """How much changed since the last copy, by the tracker's list alone."""
    return _told(pair, "count", FOLDER)


def noted(
    told: Told, what: Literal["acked", "proved"], trees: Sequence[str], place: Place = "source"
) -> Run:
    """Note that these trees hold all that was told by the tracker of that machine."""
    words = ("note", FOLDER, told.run, what, str(told.seq), *trees)
    return Run(place, ("python3", f"{FOLDER}/changes.py", *words))


def _told(pair: Pair, *words: str) -> Told:
    return _all_told(pair, 1, *words)[0]


def _all_told(pair: Pair, answers: int, *words: str) -> list[Told]:
    """So many answers, one after the other; what isn't there is not known."""
    try:
        said = [json.loads(line) for line in pair.source.agent("changes", *words)]
        heads = [at for at, line in enumerate(said) if at == 0 or _is_head(line)]
        ends = [*heads[1:], len(said)]
        parts = [said[begin:end] for begin, end in zip(heads, ends, strict=True)]
        return [_read(part) for part in (*parts, *([] for _ in range(answers)))][:answers]
    except StepFailed as error:
        # A damaged list, no Python: not knowing isn't a reason to stop, but one to scan.
        return [Told(problem=error.what)] * answers
    except NONSENSE as error:
        return [Told(problem=f"the tracker's word can't be understood ({error})")] * answers


def _is_head(line: Any) -> bool:
    return isinstance(line, dict) and "tree" not in line


def _inside(path: str) -> bool:
    """Whether a name stays in its tree: what is gone there is removed here."""
    return path == "." or not ({"", ".", ".."} & set(path.split("/")) or "\0" in path)


def _read(lines: Iterable[Any]) -> Told:
    head: dict[str, Any] = {"problem": "the tracker said nothing"}
    trees: list[tuple[dict[str, Any], list[str]]] = []
    for number, line in enumerate(lines):
        if number == 0:
            head = line
        elif isinstance(line, dict):
            trees.append((line, []))
        else:
            trees[-1][1].append(line)
    if "problem" in head:
        return Told(problem=str(head["problem"]) or "the tracker can't say what is wrong")
    news = {str(tree.pop("tree")): _news(tree, paths) for tree, paths in trees}
    return Told(str(head["run"]), int(head["seq"]), "", news)


def _news(tree: dict[str, Any], paths: list[str]) -> News:
    gaps = tuple(map(str, tree.pop("gaps")))
    outside = [path for path in paths if not _inside(path)]
    if outside:
        raise ValueError(f"{outside[0]!r} is in no tree")
    told = News(gaps=gaps, paths=tuple(paths), **{**tree, **_of_their_kind(tree)})
    # What no disk has for a name can't be copied.
    os.fsencode("".join(paths))
    return told


def _of_their_kind(tree: dict[str, Any]) -> dict[str, Any]:
    kinds = {"way": str, "count": int, "handed": int, "seconds": float, "proved": bool}
    return {key: kind(tree[key]) for key, kind in kinds.items() if key in tree}
