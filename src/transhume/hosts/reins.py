"""Holds back the programs of a child that read the source, and leaves none of them standing."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from transhume.core.command import HELD

# What was let go is looked at soon: on a fast line much comes within a moment.
_FIRST_LOOK_SECONDS, _LOOK_SECONDS = 0.01, 0.05
# A server gives up on whoever is in the middle of logging in and says nothing for a minute
# (PostgreSQL, authentication_timeout): nothing stands still longer than this without a moment.
_LONGEST_SECONDS = 10.0
# When this process dies, whatever way, the kernel closes the pipe. What stands still goes on then
# and finds the signal of its leash, which it can't hear before.
_ANCHOR = ("sh", "-c", 'read -r never; kill -s CONT -- "-$1"', "anchor")


class Reins:
    """The reins of one child, in a thread of its own from `with` to its end.

    `may` is asked all the time whether it may go on; what it raises is handed to `failed`. Once it
    is `given_up`, since it is to end, it isn't held any more.
    """

    def __init__(
        self,
        child: int,
        may: Callable[[], bool],
        given_up: Callable[[], bool],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._child = child
        self._may = may
        self._given_up = given_up
        self._failed = failed
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._anchor: subprocess.Popen[bytes] | None = None
        self._since: float | None = None

    def __enter__(self) -> Reins:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        try:
            pause = _LOOK_SECONDS
            while not self._over.wait(pause) and not self._given_up():
                pause = min(pause * 2, _LOOK_SECONDS)
                if not (self._may() or self._too_long()):
                    self._hold()
                elif self._since is not None:
                    self._let_go()
                    pause = _FIRST_LOOK_SECONDS
        except (Exception, KeyboardInterrupt) as problem:  # noqa: BLE001 - told in the thread that waits
            self._failed(problem)
        finally:
            if self._anchor is not None:
                self._let_go()
                self._anchor.communicate()

    def _too_long(self) -> bool:
        return self._since is not None and time.monotonic() - self._since >= _LONGEST_SECONDS

    def _hold(self) -> None:
        if self._anchor is None:
            self._anchor = subprocess.Popen(
                (*_ANCHOR, str(self._child)), stdin=subprocess.PIPE, start_new_session=True
            )
        self._since = self._since or time.monotonic()
        _stop(self._child)

    def _let_go(self) -> None:
        self._since = None
        with suppress(ProcessLookupError):
            os.killpg(self._child, signal.SIGCONT)


def _stop(process: int) -> None:
    """The parent first: what stands still starts no other that would be overlooked."""
    with suppress(FileNotFoundError, ProcessLookupError):
        proc = Path(f"/proc/{process}")
        if (proc / "comm").read_text().strip() in HELD:
            os.kill(process, signal.SIGSTOP)
        for child in (proc / "task" / str(process) / "children").read_text().split():
            _stop(int(child))
