"""The tool held at changes of its plan, one after the other, for somebody to break something."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from lab import kills
from lab.kill_at import GO
from lab.machine import Machine
from lab.scene import Scene
from lab.shell import wait_until
from lab.started import Started

_REACHED = 600.0
_ENDS = 300.0


class Broken(Exception):
    """A promise that didn't hold, in words."""


class Unmet(Exception):
    """What was to be broken wasn't there, so nothing was tried."""


class Stage:
    """Two machines, and the tool at work on one of them."""

    def __init__(self, run: Scene, words: tuple[str, ...], tool: Started) -> None:
        self.run = run
        self.words = words
        self.tool = tool
        self._met = 0

    @property
    def name(self) -> str:
        return self.run.pair.name

    @property
    def source(self) -> Machine:
        return self.run.pair.source

    @property
    def target(self) -> Machine:
        return self.run.pair.target

    def come(self) -> str | None:
        """The next change at which it is held; None once it has ended."""

        def there() -> bool:
            return not self.tool.running() or len(kills.hit(self.run)) > self._met

        wait_until(there, f"{' '.join(self.words)} to come by a change, or to end", _REACHED)
        if not self.tool.running():
            return None
        self._met += 1
        return kills.hit(self.run)[self._met - 1]

    def let_go(self, mark: str | None = None) -> None:
        """The tool goes on, unless its machine was switched off."""
        if self.target.leader() is not None:
            self.target.exec(("touch", mark or f"{GO}.{self._met}"))

    def over(self) -> None:
        """Wait until the tool has ended by itself, as it must whatever is broken."""
        # What goes on beside may be held at another change meanwhile.
        self.let_go(GO)
        self.tool.wait(_ENDS)
        if self.tool.running():
            raise Broken(f"transhume didn't end within {_ENDS:.0f} s")

    def ended(self) -> subprocess.CompletedProcess[str]:
        """How the tool ended."""
        self.over()
        return self.tool.ended()


Scenario: TypeAlias = Callable[[Stage], Iterator[None]]
"""What is broken, a single `yield` at which the tool goes on, and how it is mended."""


@contextmanager
def held(run: Scene, words: tuple[str, ...], wanted: Sequence[tuple[str, str]]) -> Iterator[Stage]:
    """Type a command that is held at each of these moments and changes as it comes by."""
    kills.arm(run)
    with Started(run, *words, program=kills.striking("hold", wanted)) as tool:
        yield Stage(run, words, tool)


def strike(stage: Stage, scenario: Scenario) -> None:
    """Break something, let the tool go on, and mend it."""
    acts = scenario(stage)
    try:
        next(acts)
    finally:
        stage.let_go()
    for _ in acts:
        raise AssertionError("a scenario lets go once")
