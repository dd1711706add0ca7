"""Starts sender and prober in the lab's outside world and stops them again by their own pid."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from lab import network, places
from lab.shell import LabError

_STOP = 20.0


class Running:
    """A sender or a prober at work; as a context it is stopped at the end."""

    def __init__(self, name: str, path: Path, argv: Sequence[str], patience: float = 0.0) -> None:
        self.path = path
        self._patience = patience
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self._process = subprocess.Popen(
            network.inside(name, "net", [sys.executable, "-m", "lab.traffic", *argv]),
            cwd=places.CHECKOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """Ask it to end and wait; a sender first retries what is still open."""
        self._process.terminate()
        try:
            self._process.wait(self._patience + _STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise LabError(f"{self.path.name}: had to be killed") from None

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self.stop()


def start_sender(
    name: str,
    path: Path,
    recipients: Sequence[str],
    *,
    rate: float = 5.0,
    address: str = network.SERVICE.ipv4,
    patience: float = 60.0,
) -> Running:
    """Start sending to random recipients; stop() lets it retry for up to `patience` seconds."""
    people = path.with_suffix(".recipients")
    people.parent.mkdir(parents=True, exist_ok=True)
    people.write_text("\n".join(recipients))
    argv = [
        "send",
        f"--log={path.resolve()}",
        f"--recipients={people.resolve()}",
        f"--rate={rate}",
        f"--address={address}",
        f"--patience={patience}",
        f"--run={uuid.uuid4().hex[:12]}",
    ]
    return Running(name, path, argv, patience)


def start_prober(
    name: str, path: Path, *, address: str = network.SERVICE.ipv4, every: float = 0.2
) -> Running:
    """Start looking at SMTP, HTTPS and the core's state."""
    argv = ["probe", f"--log={path.resolve()}", f"--address={address}", f"--every={every}"]
    return Running(name, path, argv)


def deliver_one(name: str, recipient: str, address: str = network.SERVICE.ipv4) -> str | None:
    """Send one message from outside; return its marker if it was accepted."""
    marker = f"one-{uuid.uuid4().hex}@traffic.lab"
    argv = [sys.executable, "-m", "lab.traffic", "one", marker, recipient, address]
    done = subprocess.run(
        network.inside(name, "net", argv),
        cwd=places.CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    return marker if done.returncode == 0 else None
