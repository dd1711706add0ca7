"""One sample move for all, in UTC."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.ui import sample
from transhume.core.event import Event


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(scope="session")
def move(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """All events of the sample."""
    return sample.journal(tmp_path_factory.mktemp("bodies"))
