"""Sends mail as a real MTA does: the same message again until somebody answers 250 for it."""

from __future__ import annotations

import heapq
import json
import os
import queue
import random
import smtplib
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["accepted", "refused", "unknown"]
POWER_LOST = "power lost"
"""The event that somebody notes who cuts the power of the machine that takes mail."""
REDELIVERED = 10.0
"""Seconds before a power cut. Postfix removes a delivered message from its queue without a sync:
after the cut it is there again, and delivered again. Its file system writes that down every 5 s
(ext4(5), commit)."""
_TIMEOUT = 10.0
_WORKERS = 4
SENDER = "traffic@outside.example"


@dataclass(frozen=True)
class Accepted:
    """A message that the server took responsibility for."""

    marker: str
    recipient: str
    time: float
    # After a broken connection the server may have kept the first copy too, and after a power cut
    # the message that it had just delivered.
    doubtful: bool


@dataclass
class Letter:
    """A message on its way; the marker stays the same in every attempt."""

    marker: str
    recipient: str
    attempts: int = 0
    doubtful: bool = False

    def data(self) -> bytes:
        lines = (
            f"From: {SENDER}",
            f"To: {self.recipient}",
            f"Subject: traffic {self.marker}",
            f"Message-ID: <{self.marker}>",
            f"X-Marker: {self.marker}",
            "",
            f"This is message {self.marker}.",
            ".one dot at the start",
            "",
        )
        return "\r\n".join(lines).encode()


def attempt(address: str, letter: Letter, timeout: float = _TIMEOUT) -> tuple[Outcome, str]:
    """Try once. Only what breaks after the message was sent leaves one in doubt."""
    try:
        session = smtplib.SMTP(address, 25, "sender.outside.example", timeout)
    except (smtplib.SMTPException, OSError) as error:
        return "refused", f"{type(error).__name__}: {error}"
    try:
        _envelope(session, letter)
        outcome = _content(session, letter)
        # A farewell that fails must not turn an accepted message into a refused one.
        with suppress(smtplib.SMTPException, OSError):
            session.docmd("QUIT")
        return outcome
    except (smtplib.SMTPException, OSError) as error:
        return "refused", f"{type(error).__name__}: {error}"
    finally:
        session.close()


def _envelope(session: smtplib.SMTP, letter: Letter) -> None:
    session.ehlo_or_helo_if_needed()
    for command in (f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{letter.recipient}>"):
        code, text = session.docmd(command)
        if code != 250:
            raise smtplib.SMTPResponseException(code, text)
    code, text = session.docmd("DATA")
    if code != 354:
        raise smtplib.SMTPResponseException(code, text)


def _content(session: smtplib.SMTP, letter: Letter) -> tuple[Outcome, str]:
    try:
        session.send(letter.data().replace(b"\r\n.", b"\r\n..") + b".\r\n")
        code, text = session.getreply()
    except (smtplib.SMTPException, OSError) as error:
        return "unknown", f"{type(error).__name__}: {error}"
    return ("accepted" if code == 250 else "refused"), f"{code} {text.decode(errors='replace')}"


class Log:
    """Appends events; what was accepted is on disk before anything else happens."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")
        self._lock = threading.Lock()

    def write(self, **event: Any) -> None:
        with self._lock:
            self._file.write(json.dumps({"time": time.time(), **event}) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())


@dataclass
class Sender:
    """Makes letters at a rate and keeps trying each."""

    address: str
    recipients: list[str]
    log: Log
    rate: float
    run: str
    retry: float = 1.0
    seed: int = 1
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._ready: queue.Queue[Letter | None] = queue.Queue()
        self._later: list[tuple[float, int, Letter]] = []
        self._lock = threading.Lock()
        self._open = 0

    def serve(self, patience: float) -> int:
        """Send until told to stop, then for `patience` seconds only retry; return what is left."""
        workers = [threading.Thread(target=self._work, daemon=True) for _ in range(_WORKERS)]
        for worker in workers:
            worker.start()
        self._produce()
        end = time.monotonic() + patience
        while self._open and time.monotonic() < end:
            self._requeue()
            time.sleep(0.05)
        for _ in workers:
            self._ready.put(None)
        self.log.write(event="end", left=self._open)
        return self._open

    def _produce(self) -> None:
        rng, number, due = random.Random(self.seed), 0, time.monotonic()
        while not self.stopping.wait(max(0.0, due - time.monotonic())):
            letter = Letter(f"{self.run}-{number}@traffic.lab", rng.choice(self.recipients))
            with self._lock:
                self._open += 1
            self._ready.put(letter)
            number, due = number + 1, due + 1 / self.rate
            self._requeue()

    def _requeue(self) -> None:
        with self._lock:
            while self._later and self._later[0][0] <= time.monotonic():
                self._ready.put(heapq.heappop(self._later)[2])

    def _work(self) -> None:
        while (letter := self._ready.get()) is not None:
            self._one(letter)

    def _one(self, letter: Letter) -> None:
        outcome, answer = attempt(self.address, letter)
        letter.attempts += 1
        self.log.write(
            event=outcome,
            marker=letter.marker,
            recipient=letter.recipient,
            attempts=letter.attempts,
            doubtful=letter.doubtful,
            answer=answer,
        )
        letter.doubtful = letter.doubtful or outcome == "unknown"
        with self._lock:
            if outcome == "accepted":
                self._open -= 1
            else:
                again = time.monotonic() + self.retry
                heapq.heappush(self._later, (again, id(letter), letter))


def events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Read a log; the last line may be cut off where a machine lost its power."""
    for line in lines:
        if line.endswith("\n"):
            yield json.loads(line)


def accepted(path: Path) -> list[Accepted]:
    """Return every message of a sender's log that was accepted."""
    with path.open() as file:
        told = list(events(file))
    cuts = [each["time"] for each in told if each["event"] == POWER_LOST]

    def doubtful(each: dict[str, Any]) -> bool:
        return each["doubtful"] or any(0 <= cut - each["time"] <= REDELIVERED for cut in cuts)

    return [
        Accepted(each["marker"], each["recipient"], each["time"], doubtful(each))
        for each in told
        if each["event"] == "accepted"
    ]
