"""The world of the guards."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.guarded import World
from transhume.agent import guard


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The source serves, and time passes when a test says so."""
    one = World(tmp_path)
    monkeypatch.setattr(guard, "uptime", lambda: one.now)
    monkeypatch.setattr("os.fsync", lambda file: None)
    return one
