"""Hold copies back for the source's sake: bytes per second, and its load."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from transhume.core.change import Act, Command, SyncPaths, SyncTree
from transhume.core.host import Hands
from transhume.core.settings import CopySettings

Limits = Callable[[], CopySettings]

_LOAD = Command("source", ("cat", "/proc/loadavg"))
_LOOK_SECONDS = 5.0
_NAP_SECONDS = 0.2


def source_load(hands: Hands) -> float:
    """The source's load average of a minute; 0 where it doesn't tell."""
    output = hands["source"].run(_LOAD, lambda line: None)
    return float(output.text.split()[0]) if output.status == 0 else 0.0


def is_hot(act: Act) -> bool:
    """Whether rsync runs while people work; nobody who waits should wait for a limit."""
    return isinstance(act, (SyncTree, SyncPaths)) and not act.finish


def held_back(command: Command, hands: Hands, limits: Limits, beside: int) -> Command:
    """rsync with its share of the bandwidth, once the source's load allows it to begin.

    `beside` is how many of them run at the same time. What it was begun with it keeps.
    """
    if command.argv[0] != "rsync":
        return command
    while (most := limits().max_load) is not None and source_load(hands) > most:
        time.sleep(_LOOK_SECONDS)
    share = limits().bytes_per_second // beside
    if not share:
        return command
    rate = f"--bwlimit={max(1, share // 1024)}"
    return replace(command, argv=("rsync", rate, *command.argv[1:]))


class Throttle:
    """What all connections share; the limits are asked for each time, so they may change."""

    def __init__(
        self,
        limits: Limits,
        load: Callable[[], float],
        ended: threading.Event,
    ) -> None:
        self._limits = limits
        self._load = load
        self._lock = threading.Lock()
        self._free = 0.0
        self._looked = 0.0
        self._busy = False
        self._ended = ended
        self.held = False
        """Whether anybody had to wait since this was last set to False."""

    def may(self, size: int) -> bool:
        """Whether so many bytes may be asked for now; they are taken then."""
        wait = self._wait(size)
        self.held = self.held or wait
        return not wait

    def take(self, size: int) -> None:
        """Wait until so many bytes may be asked for."""
        while not self.may(size):
            if self._ended.wait(_NAP_SECONDS):
                return

    def _wait(self, size: int) -> bool:
        """Whether it is too early; if not, the bytes are taken."""
        with self._lock:
            limits, now = self._limits(), time.monotonic()
            if self._overloaded(limits.max_load, now):
                return True
            if not limits.bytes_per_second:
                return False
            if now < self._free:
                # A limit that was raised counts at once.
                self._free = min(self._free, now + size / limits.bytes_per_second)
                return True
            self._free = max(self._free, now - _NAP_SECONDS) + size / limits.bytes_per_second
            return False

    def _overloaded(self, limit: float | None, now: float) -> bool:
        if limit is None:
            return False
        if now - self._looked >= _LOOK_SECONDS:
            self._busy = self._load() > limit
            self._looked = now
        return self._busy
