"""The one room that performs: acts in, commands on the machines out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from transhume.core.at_once import at_once
from transhume.core.change import (
    Act,
    Await,
    Pause,
    Reroute,
    SeedTree,
    Series,
    Together,
)
from transhume.core.event import Progress
from transhume.core.host import Hands, Route
from transhume.core.settings import CopySettings
from transhume.engine.failures import failed
from transhume.engine.meters import meter
from transhume.engine.seed import seed
from transhume.engine.throttle import Throttle, is_hot, source_load

# What is soon there is soon seen; what takes its time isn't asked for all the time.
_FIRST_POLL_SECONDS, _POLL_SECONDS = 0.02, 0.2


@dataclass
class Performer:
    """Performs acts; `ask` puts a pause to the admin, `notice` gets progress as it is heard.

    `limits` says what the source may be asked for now: it may change while an act goes on.
    """

    hands: Hands
    route: Route
    ask: Callable[[str], None]
    notice: Callable[[Progress], None]
    limits: Callable[[], CopySettings] = CopySettings
    throttle: Throttle = field(init=False)

    def __post_init__(self) -> None:
        self.throttle = Throttle(self.limits, lambda: source_load(self.hands))

    def perform(self, act: Act) -> None:
        """Do it, wait for its end, believe every status; StepFailed otherwise."""
        if isinstance(act, Series):
            for inner in act.acts:
                self.perform(inner)
        elif isinstance(act, Together):
            self._together(act)
        elif isinstance(act, Await):
            self._await(act)
        elif isinstance(act, Pause):
            self.ask(act.message)
        elif isinstance(act, Reroute):
            self.route.to(act.to)
        elif isinstance(act, SeedTree):
            seed(act, self.hands, self.notice, self.throttle)
        else:
            self._commands(act)

    def _commands(self, act: Act) -> None:
        read, hot = meter(act), is_hot(act)

        def heard(line: str) -> None:
            progress = read(line)
            if progress is not None:
                self.notice(progress)

        if hot:
            self.throttle.await_calm()
        may = self.throttle.moved if hot else None
        for command in act.commands():
            output = self.hands[command.place].run(command, heard, may)
            if not command.succeeded(output.status, output.stderr):
                raise failed(command, output)

    def _together(self, act: Together) -> None:
        at_once([partial(self.perform, inner) for inner in act.acts])

    def _await(self, act: Await) -> None:
        (command,) = act.commands()
        deadline, pause = time.monotonic() + act.limit, _FIRST_POLL_SECONDS
        while True:
            output = self.hands[command.place].run(command, lambda line: None)
            if output.status == 0:
                return
            if time.monotonic() >= deadline:
                raise failed(command, output, f" within {act.limit} s")
            time.sleep(pause)
            pause = min(pause * 1.5, _POLL_SECONDS)
