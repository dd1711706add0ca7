"""Whether the source's kernel tells what changes in the trees, or they have to be scanned."""

from __future__ import annotations

import json
from collections.abc import Iterator

from transhume.core.check import Look
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.errors import StepFailed


def notified(folders: tuple[str, ...]) -> Look:
    """A tree that can't be followed is looked through once more while everybody waits."""

    def look(pair: Pair) -> Iterator[Finding]:
        for line in pair.source.agent("probe", *folders):
            try:
                told = json.loads(line)
                tree, way, refused = told["tree"], told["way"], told["refused"]
            except (ValueError, TypeError, KeyError):
                raise StepFailed(f"the answer {line[:80]!r} can't be understood") from None
            if way == "scan":
                yield Finding(
                    "tree-scanned",
                    "warns",
                    "source",
                    f"its kernel won't tell what changes in {tree} ({refused})",
                    "The tree is scanned while everybody waits: the downtime grows with it.",
                    "Linux 5.1 or newer tells it for local file systems; in a container its host "
                    "has to allow fanotify_init(2) and CAP_SYS_ADMIN",
                )
            elif refused:
                yield Finding(
                    "tree-by-folder",
                    "notes",
                    "source",
                    f"its kernel names only the folders in {tree} where something changes "
                    f"({refused})",
                    "Such a folder is looked through whole; Linux 5.9 or newer names the files.",
                )

    return look
