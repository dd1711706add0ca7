"""What several tests of steps share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import servers
from transhume.core.host import Pair


@pytest.fixture(scope="session")
def two_servers() -> Iterator[Pair]:
    """Two real servers without a database; each module makes its own."""
    with servers(Path(tempfile.mkdtemp(prefix="pg-"))) as pair:
        yield pair
