"""The tool held at one change of its plan, for somebody to break something."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from lab import kills
from lab.kill_at import GO
from lab.machine import Machine
from lab.scene import Scene
from lab.shell import wait_until
from lab.started import Started

_REACHED = 240.0
_ENDS = 300.0


class Broken(Exception):
    """A promise that didn't hold, in words."""


class Unmet(Exception):
    """What was to be broken wasn't there, so nothing was tried."""


class Passed(Unmet):
    """The command came to its end without the change at which it was to be held."""


@dataclass(frozen=True)
class Stage:
    """Two machines, and the tool at work on one of them."""

    run: Scene
    tool: Started

    @property
    def name(self) -> str:
        return self.run.pair.name

    @property
    def source(self) -> Machine:
        return self.run.pair.source

    @property
    def target(self) -> Machine:
        return self.run.pair.target

    def let_go(self) -> None:
        """The tool goes on, unless its machine was switched off."""
        if self.target.leader() is not None:
            self.target.exec(("touch", GO))

    def over(self) -> None:
        """Wait until the tool has ended by itself, as it must whatever is broken."""
        self.tool.wait(_ENDS)
        if self.tool.running():
            raise Broken(f"transhume didn't end within {_ENDS:.0f} s")


Scenario: TypeAlias = Callable[[Stage], Iterator[None]]
"""What is broken, a single `yield` at which the tool goes on, and how it is mended."""


@contextmanager
def held(run: Scene, words: tuple[str, ...], change: str, moment: str) -> Iterator[Stage]:
    """Type a command and hold it there; Unmet when it ends without coming by."""
    kills.arm(run)
    run.pair.target.exec(("rm", "-f", GO))
    with Started(run, *words, program=kills.striking("hold", moment, change)) as tool:
        wait_until(lambda: bool(kills.hit(run)) or not tool.running(), change, _REACHED)
        if not tool.running():
            done = tool.ended()
            kind = Unmet if done.returncode else Passed
            raise kind(f"ended with {done.returncode} before {change}: {done.stderr.strip()}")
        yield Stage(run, tool)


def play(
    run: Scene, words: tuple[str, ...], change: str, moment: str, scenario: Scenario
) -> subprocess.CompletedProcess[str]:
    """Break it there, let the tool go on, mend it; returns how the tool ended."""
    with held(run, words, change, moment) as stage:
        acts = scenario(stage)
        next(acts)
        stage.let_go()
        for _ in acts:
            raise AssertionError("a scenario lets go once")
        stage.over()
        return stage.tool.ended()
