"""Whatever happens to a tree while it is followed, the paths that were told make the copy equal."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

from tests.agent.following import Following, following
from tests.agent.mischief import Mischief, links
from transhume.steps.followed import FIRST

pytestmark = [
    pytest.mark.programs(PurePath(sys.executable).name, "rsync"),
    pytest.mark.skipif(os.geteuid() != 0, reason="the kernel tells only root"),
]


@pytest.fixture(params=["names", "folders", "scan"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Following]:
    """A tree that is followed in each of the ways."""
    with following(tmp_path, request.param) as made:
        way = made.ask()[1]["way"]
        if way != request.param:
            pytest.skip(f"the kernel refuses to tell {request.param}")
        yield made


@pytest.mark.parametrize("seed", range(2))
def test_a_tree_that_never_rests_arrives(tree: Following, seed: int) -> None:
    mischief = Mischief(tree.source, seed)
    mischief.work(100)
    if tree.ask()[1]["way"] != "names":
        # A scan doesn't see what comes and goes during the pass that copies all.
        tree.catch_up()
    worker = threading.Thread(target=mischief.work, args=(400,))
    worker.start()
    for _ in range(4):
        tree.catch_up()
    worker.join()
    tree.catch_up()
    tree.catch_up("rest")
    assert tree.differences() == []
    assert links(tree.source) == links(tree.target)
    assert set(tree.gaps) == {FIRST}
