"""Counts what the ssh connections to the source carry, by the kernel's own account."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

from transhume.core.change import SSH_CONFIG
from transhume.core.command import FOLLOW

_LISTED_SECONDS = 1.0
# As they were typed, and as the one that others share calls itself.
_OURS = re.compile(rb"%s/(ssh_|ctl-)" % str(Path(SSH_CONFIG).parent).encode())
# The way through a jump host carries the same once more. What follows the source isn't held back,
# so that it isn't counted either.
_OTHERS = re.compile(rb"\0-W\0|" + FOLLOW.encode())
_READ = re.compile(rb"^rchar: (\d+)$", re.MULTILINE)


class Line:
    """All connections together: several copies share one of them, and dumps another."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._lock = threading.Lock()
        self._listed = float("-inf")
        self._known: dict[str, int] = {}
        """What each process had read when it was last looked at."""

    def news(self) -> int:
        """Bytes that they have carried, either way, since somebody asked last."""
        with self._lock:
            if time.monotonic() - self._listed >= _LISTED_SECONDS:
                self._list()
            return sum(map(self._more, self._known))

    def _list(self) -> None:
        self._listed = time.monotonic()
        found = [entry.name for entry in self._proc.glob("[0-9]*") if _is_ours(entry)]
        self._known = {name: self._known.get(name, 0) for name in found}

    def _more(self, name: str) -> int:
        match = _READ.search(_content(self._proc / name / "io"))
        if match is None:
            return 0
        before, self._known[name] = self._known[name], int(match[1])
        return max(0, self._known[name] - before)


def _is_ours(process: Path) -> bool:
    if _content(process / "comm") != b"ssh\n":
        return False
    words = _content(process / "cmdline")
    return bool(_OURS.search(words)) and not _OTHERS.search(words)


def _content(path: Path) -> bytes:
    """Nothing where the process has ended meanwhile."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
