"""One pair, set up and filled once; each test that asks for it gets it as it was then."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab import places, scene
from lab.pair import Pair, forget
from lab.scene import Scene
from tests.real.stage import SMALL

# Tests that run side by side have machines of their own.
_NAME = "real" + os.environ.get("PYTEST_XDIST_WORKER", "")


@pytest.fixture(scope="session")
def stock() -> Iterator[Scene]:
    """Debian 11 to Debian 13, filled, kept on the shelf."""
    if places.instance(_NAME).exists():
        # An earlier run was killed. Another checkout's pair of that name is left alone: up says so.
        Pair(_NAME).down()
    with Pair.up(_NAME) as pair:
        try:
            run = scene.build(pair, **SMALL)
            pair.save(_NAME)
            yield run
        finally:
            forget(_NAME)


def renew(stock: Scene) -> Scene:
    """Both machines as they were when they had been filled, and no log of earlier traffic."""
    stock.pair.load(_NAME)
    for log in stock.folder.glob("*.jsonl"):
        log.unlink()
    return stock


@pytest.fixture
def fresh(stock: Scene) -> Scene:
    """For a test of its own."""
    return renew(stock)


@pytest.fixture(scope="module")
def shared(stock: Scene) -> Scene:
    """For all tests of a file that leave the machines as they found them; init was typed."""
    run = renew(stock)
    run.begin()
    return run
