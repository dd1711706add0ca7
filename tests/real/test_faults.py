"""A few cells of the fault campaign: nothing is lost, and the move goes on or back."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.faults import stock as shelf
from lab.faults.campaign import tried
from lab.faults.catalogue import FAULTS
from lab.faults.cells import Cell, Way
from lab.faults.stock import Stock
from lab.scene import Scene
from tests.real.conftest import renew

pytestmark = [
    pytest.mark.real,
    pytest.mark.campaign,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]

CELLS: tuple[tuple[str, str, Way], ...] = (
    ("the target loses its power", "finish-trees: copy the rest", "on"),
    ("the line is half open", "fence: keep the services stopped", "back"),
)


@pytest.fixture(scope="module")
def kept(stock: Scene) -> Iterator[Stock]:
    """The pair before its first sync and after it."""
    yield shelf.shelved(renew(stock), {})
    shelf.drop(stock.pair.name)


@pytest.mark.parametrize("wanted", CELLS, ids=lambda cell: cell[0])
def test_a_few_cells(kept: Stock, wanted: tuple[str, str, Way]) -> None:
    name, change, way = wanted
    (fault,) = (each for each in FAULTS if each.name == name)
    (entry,) = tried(kept, [Cell(fault, "frozen", change, "begun", way)])
    assert entry.right, entry
