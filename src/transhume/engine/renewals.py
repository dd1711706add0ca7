"""Keeps alive what a step set up, beside the steps that follow it."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from transhume.core.change import Series
from transhume.core.step import Renewal, Step
from transhume.engine.perform import Performer
from transhume.errors import StepFailed, TranshumeError


def _now() -> float:
    # Also while the machine sleeps: whoever waits for a word elsewhere doesn't.
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Renewals:
    """One renewal at a time, in a thread of its own from `begin` to `end`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._renewal: Renewal | None = None
        self._performer: Performer | None = None
        self._thread: threading.Thread | None = None
        self._fresh = 0.0

    def __enter__(self) -> Renewals:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def begin(self, step: Step, performer: Performer) -> None:
        """Renew what this step set up, if anything."""
        renewal = step.renewal()
        if renewal is not None:
            self._renewal, self._performer, self._fresh = renewal, performer, 0.0
            self._over.clear()
            self._thread = threading.Thread(target=self._keep, args=(renewal,), daemon=True)
            self._thread.start()

    def end(self, step: Step) -> None:
        """Stop where this step takes over."""
        if self._renewal is not None and self._renewal.until == step.key:
            self._stop()

    def assure(self) -> None:
        """Renew now unless that was done of late; StepFailed when it can't be."""
        renewal = self._renewal
        if renewal is not None and _now() - self._fresh > 2 * renewal.seconds:
            with self._lock:
                try:
                    self._renew(renewal)
                except TranshumeError as error:
                    raise StepFailed(
                        f"the guards couldn't be told that it goes on: {error.what}",
                        state="The machines go back by themselves to where they were before the "
                        "services were stopped, if they haven't already.",
                    ) from None

    def _keep(self, renewal: Renewal) -> None:
        while not self._over.wait(renewal.seconds):
            with self._lock:
                try:
                    self._renew(renewal)
                except TranshumeError:
                    # Once it is too long ago, `assure` tries for itself and tells.
                    continue

    def _renew(self, renewal: Renewal) -> None:
        began = _now()
        if self._performer is not None and began - self._fresh > renewal.seconds / 2:
            self._performer.perform(Series(renewal.acts))
            self._fresh = began

    def _stop(self) -> None:
        self._over.set()
        self._renewal = None
        if self._thread is not None:
            # One that hangs in a dead connection isn't waited for; what it says then does no harm.
            self._thread.join(timeout=2.0)
            self._thread = None
