"""Reading commands asked over one connection that stays: each costs no ssh of its own."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from transhume.core.host import Output, Talk
from transhume.errors import NONSENSE

# A machine in other hands may talk for ever.
_LONGEST, _MOST = 1 << 10, 1 << 30


class Inquiry:
    """Asks agent/answer.py, which runs at the other end of `talk`; from many threads at once."""

    def __init__(self, talk: Talk, program: bytes) -> None:
        self._talk = talk
        self._lock = threading.Lock()
        self._asked = 0
        self._waiting: dict[int, Future[Output | None]] = {}
        self.over = False
        """Whether the other end is gone."""
        self.answered = False
        """Whether it ever answered."""
        self._held = b""
        talk.tell(program)
        threading.Thread(target=self._listen, daemon=True).start()

    def ask(self, argv: Sequence[str]) -> Output | None:
        """What came of the command; None when the other end is gone before it answered, and for
        words that no command can have."""
        if not _typable(argv):
            return None
        future: Future[Output | None] = Future()
        with self._lock:
            if self.over:
                return None
            self._asked += 1
            self._waiting[self._asked] = future
            self._talk.tell(json.dumps([self._asked, list(argv)]).encode() + b"\n")
        return future.result()

    def close(self) -> None:
        """End the other end, and wait for it."""
        self._talk.stop()

    def _listen(self) -> None:
        try:
            while self._answer():
                pass
        finally:
            with self._lock:
                self.over = True
                left = list(self._waiting.values())
                self._waiting.clear()
            for future in left:
                future.set_result(None)
            self._talk.end()

    def _answer(self) -> bool:
        """Hear one answer whole and hand it to whoever waits; False at the end."""
        try:
            number, status, printed, said = map(int, json.loads(self._line()))
            future = self._waiting[number]
            body = self._bytes(printed, said)
        except NONSENSE:
            # What a shell's profile prints is no answer, nor is one without an end.
            return False
        self.answered = True
        del self._waiting[number]
        future.set_result(Output(status, body[:printed], body[printed:]))
        return True

    def _line(self) -> bytes:
        while b"\n" not in self._held and len(self._held) < _LONGEST:
            self._hear()
        line, _, self._held = self._held.partition(b"\n")
        return line

    def _bytes(self, printed: int, said: int) -> bytes:
        count = printed + said
        if min(printed, said) < 0 or count > _MOST:
            raise ValueError
        parts, known = [self._held], len(self._held)
        while known < count:
            self._held = b""
            self._hear()
            parts.append(self._held)
            known += len(self._held)
        whole = b"".join(parts)
        self._held = whole[count:]
        return whole[:count]

    def _hear(self) -> None:
        piece = self._talk.hear()
        if not piece:
            raise ValueError
        self._held += piece


def _typable(argv: Sequence[str]) -> bool:
    try:
        return b"\0" not in os.fsencode("".join(argv))
    except ValueError:
        return False
