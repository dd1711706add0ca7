"""The most memory that a process of ours took, here and on the source, by the kernel's count."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

from transhume.core.change import Place

SELF = "transhume"
"""This process, beside the places where programs were sent."""

TELL = (
    "; sys.stderr.write('\\n' + ''.join(line for line in open('/proc/self/status') "
    "if line.startswith('VmHWM:')))"
)
"""For the end of a program that is sent along, after agent.BOOT: how much it took at most.

What getrusage(2) says isn't only its own: a child begins with the peak of who started it.
"""

_PEAK = re.compile(r"^VmHWM:\s*(\d+) kB$", re.MULTILINE)


class Peaks:
    """The peak of this process, and of the largest of the programs that ran at each place."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._lock = threading.Lock()

    def of(self, place: Place) -> Callable[[bytes], None]:
        """What reads the last words of a program that ran there."""

        def read(said: bytes) -> None:
            peak = peak_of(said.decode(errors="replace"))
            with self._lock:
                self._known[place] = max(peak, self._known.get(place, 0))

        return read

    def told(self) -> dict[str, int]:
        """Bytes by `transhume`, `source` and `target`; a place where nothing was asked lacks."""
        own = peak_of(Path("/proc/self/status").read_text())
        with self._lock:
            return {SELF: own, **{place: peak for place, peak in self._known.items() if peak}}


def peak_of(text: str) -> int:
    """The peak in bytes that proc_pid_status(5) tells; 0 when it tells none."""
    found = _PEAK.search(text)
    return int(found[1]) * 1024 if found else 0
