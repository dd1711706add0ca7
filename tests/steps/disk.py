"""Two machines in memory whose trees are real folders, listed by the real agent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.fakes import FakeHost, pair
from transhume.agent import manifest
from transhume.core.change import Place
from transhume.core.host import Pair


class _Alone(manifest.Workers):
    """One worker, which is this process."""

    def __init__(self) -> None:
        """No process is started."""

    def answers(
        self, questions: Iterable[manifest.Question]
    ) -> Iterator[tuple[manifest.Tag, manifest.Answer]]:
        """Each at once."""
        here = Path.cwd()
        for tag, asked in questions:
            answer = manifest.described(*asked)
            os.chdir(here)
            yield tag, answer


def listed(root: Path, spec: bytes) -> Iterator[bytes]:
    """What the agent prints on a machine whose files are all below this folder."""
    trees = json.loads(spec)["trees"]
    for tree in trees:
        tree["path"] = f"{root}{tree['path']}"
    return manifest.listing(trees, _Alone())


def _host(place: Place, root: Path) -> FakeHost:
    host = FakeHost(place)
    host.printed["manifest"] = lambda spec: listed(root, spec)
    return host


def two(folder: Path) -> Pair:
    """A source and a target with their files in two folders of this one."""
    return pair(_host("source", folder / "source"), _host("target", folder / "target"))
