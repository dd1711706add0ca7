"""A command of the tool that goes on beside the caller, who disturbs it."""

from __future__ import annotations

import signal
import subprocess
from contextlib import suppress

from lab.scene import Scene


class Started:
    """A transhume command that runs on the target, to be disturbed."""

    def __init__(self, run: Scene, *words: str, program: tuple[str, ...] = ("transhume",)) -> None:
        self._target = run.pair.target
        self._mark = f"/run/started-{words[0]}"
        script = f'echo $$ > {self._mark}; exec "$@"'
        self._target.exec(("rm", "-f", self._mark))
        self._process = subprocess.Popen(
            self._target.command(("sh", "-c", script, "sh", *program, *words)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def running(self) -> bool:
        return self._process.poll() is None

    def signal(self, name: str) -> None:
        """Send a signal to the tool itself, inside its machine."""
        self._target.exec(("sh", "-c", f'kill -{name} "$(cat {self._mark})"'))
        if name == "KILL":
            # The way into the machine ends a moment later, unless it stands still.
            self.wait(5.0)
        if name == "CONT":
            # The way into the machine stands still together with what it has led in.
            self._process.send_signal(signal.SIGCONT)

    def wait(self, limit: float) -> None:
        """Wait for its end, at most so long."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(limit)

    def ended(self, limit: float = 180.0) -> subprocess.CompletedProcess[str]:
        """Wait for its end."""
        out, err = self._process.communicate(timeout=limit)
        return subprocess.CompletedProcess(self._process.args, self._process.returncode, out, err)

    def __enter__(self) -> Started:
        return self

    def __exit__(self, *_: object) -> None:
        if self.running():
            self.signal("KILL")
            self.ended()
