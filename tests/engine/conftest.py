"""A folder for each test's journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import memory


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the test's own."""
    with memory.fresh() as path:
        yield path
