"""Hold copies back for the source's sake: bytes per second, and its load."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from transhume.core.change import Act, Command, DumpDatabase, SeedDatabase, SyncPaths, SyncTree
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
    """Whether it copies while people work; nobody who waits should wait for a limit."""
    if isinstance(act, (SyncTree, SyncPaths, DumpDatabase)):
        return not act.finish
    return isinstance(act, SeedDatabase)


class Throttle:
    """What all copies share; the limits are asked for each time, so they may change."""

    def __init__(self, limits: Limits, load: Callable[[], float]) -> None:
        self._limits = limits
        self._load = load
        self._lock = threading.Lock()
        self._owed = 0.0
        """Bytes that were moved and whose time hasn't passed yet."""
        self._paid = 0.0
        self._looked = 0.0
        self._busy = False
        self.held = False
        """Whether anybody had to wait since this was last set to False."""
        self.stood = 0.0
        """Seconds that what can't ask beforehand has stood still, all in all."""
        self._stands = False

    def may(self, size: int) -> bool:
        """Whether so many bytes may be asked for now; they are taken then."""
        with self._lock:
            free = self._free()
            self._owed += size if free else 0
        self.held = self.held or not free
        return free

    def take(self, size: int, ended: threading.Event) -> None:
        """Wait until so many bytes may be asked for, or it ended."""
        while not self.may(size):
            if ended.wait(_NAP_SECONDS):
                return

    def moved(self, size: int) -> bool:
        """Whether more may be moved now; so many bytes were, whoever was asked."""
        with self._lock:
            before = self._paid
            self._owed += size
            free = self._free()
            # What it was told the last time held up to now, if there still was one.
            self.stood += min(self._paid - before, _LOOK_SECONDS) if self._stands else 0.0
            self._stands = not free
            return free

    def await_calm(self) -> None:
        """Wait until the source's load allows that something begins."""
        while self._overloaded_now():
            time.sleep(_LOOK_SECONDS)

    def _overloaded_now(self) -> bool:
        with self._lock:
            return self._overloaded(self._limits().max_load)

    def _free(self) -> bool:
        limits, now = self._limits(), time.monotonic()
        rate, before, self._paid = limits.bytes_per_second, self._paid, now
        # What wasn't used for long is no credit. Without a limit nothing is owed, so that one that
        # is set or raised meanwhile counts from here on.
        self._owed = max(self._owed - rate * (now - before), -rate * _NAP_SECONDS) if rate else 0.0
        return self._owed <= 0 and not self._overloaded(limits.max_load)

    def _overloaded(self, limit: float | None) -> bool:
        if limit is None:
            return False
        now = time.monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._busy = self._load() > limit
            self._looked = now
        return self._busy
