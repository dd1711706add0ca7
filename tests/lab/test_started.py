"""Tests of a command that is disturbed while it runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from lab.scene import Scene
from lab.started import Started


class _Here:
    """A machine whose way in ends a little after what it has led in."""

    def command(self, argv: Sequence[str]) -> list[str]:
        return ["sh", "-c", '"$@"; sleep 0.5', "sh", *argv]

    def exec(self, argv: Sequence[str]) -> None:
        subprocess.run(argv, check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="what is started is noted in /run")
def test_what_was_killed_runs_no_more() -> None:
    """Or it would be struck again, where two changes beside each other are held."""
    run = cast(Scene, SimpleNamespace(pair=SimpleNamespace(target=_Here())))
    with Started(run, "60", program=("sleep",)) as tool:
        tool.wait(0.2)
        assert tool.running()
        tool.signal("KILL")
        assert not tool.running()
        tool.ended()
