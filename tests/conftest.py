"""A fast test that starts an outside program fails, unless a marker of its own names it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import pytest
from hypothesis import settings

# No time is asserted. A red make check must be one that can be had again; pytest alone looks
# further.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("here")

# The lab drives machines: starting programs is what its own tests are about.
_LAB = Path(__file__).with_name("lab")
_SHELL_OUT = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system")


class Guard:
    """What the test that runs now may start; nothing is watched between tests."""

    def __init__(self) -> None:
        self.allowed: frozenset[str] | None = None
        self.refused: list[str] = []

    def heard(self, event: str, args: tuple[Any, ...]) -> None:
        """An audit hook: it can't be removed again, and sees every thread."""
        if event not in _SHELL_OUT or self.allowed is None:
            return
        program = _program(event, args)
        if program not in self.allowed:
            self.refused.append(program)
            raise RuntimeError(f"a fast test started {program} without a marker that names it")


def _program(event: str, args: tuple[Any, ...]) -> str:
    """The program that was meant: setpriv holds the leash of another one, env only dresses it."""
    words = args[0].split() if event == "os.system" else list(args[1] or (args[0],))
    names = [PurePath(str(word)).name for word in words]
    if names[0] == "setpriv" and len(names) > 3:
        del names[:3]
    if names[0] == "env":
        names = [name for name in names[1:] if "=" not in name]
    return names[0]


_guard = Guard()
sys.addaudithook(_guard.heard)


@pytest.fixture(autouse=True)
def _no_programs(request: pytest.FixtureRequest) -> Iterator[None]:
    node = request.node
    if node.get_closest_marker("real") or node.path.is_relative_to(_LAB):
        yield
        return
    marker = node.get_closest_marker("programs")
    named = marker.args if marker else ()
    # A test that brings the program itself says so with faked=True.
    faked = marker is not None and marker.kwargs.get("faked")
    missing = [name for name in named if shutil.which(name) is None]
    if missing and not faked:
        pytest.skip(f"needs {', '.join(missing)}")
    _guard.allowed, _guard.refused = frozenset(named), []
    yield
    _guard.allowed = None
    # The code under test may have swallowed the error.
    assert not _guard.refused, f"started without a marker: {', '.join(_guard.refused)}"
