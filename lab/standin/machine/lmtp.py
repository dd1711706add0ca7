"""The LMTP side of bm-core: answers 250 only once a message is on disk and committed."""

from __future__ import annotations

import logging
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger("lmtp")

# What the listener asks: deliver(message, addresses) returns one reply line for each address.
Deliver = Callable[[bytes, "list[str]"], "list[str]"]

_PATH = re.compile(rb"(?i)(?:MAIL FROM|RCPT TO):\s*<([^>]*)>")


def unstuff(lines: list[bytes]) -> bytes:
    """Undo the dot stuffing of DATA."""
    return b"".join(line[1:] if line.startswith(b"..") else line for line in lines)


class Session(socketserver.StreamRequestHandler):
    """One LMTP session."""

    server: Server
    # Postfix keeps a session open for the next message; this is for peers that vanished.
    timeout = 300

    def handle(self) -> None:
        self._recipients: list[str] = []
        self._say("220 bm-core LMTP stand-in")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"QUIT":
                self._say("221 2.0.0 bye")
                return
            self._answer(verb, line)

    def _answer(self, verb: bytes, line: bytes) -> None:
        if verb == b"LHLO":
            self._say("250-bm-core", "250-8BITMIME", "250-ENHANCEDSTATUSCODES", "250 PIPELINING")
        elif verb == b"MAIL" or verb == b"RSET":
            self._recipients = []
            self._say("250 2.1.0 ok")
        elif verb == b"RCPT":
            self._recipient(line)
        elif verb == b"DATA":
            self._data()
        elif verb == b"NOOP":
            self._say("250 2.0.0 ok")
        else:
            self._say("500 5.5.2 unknown command")

    def _recipient(self, line: bytes) -> None:
        match = _PATH.match(line)
        if match is None:
            self._say("501 5.1.3 no address")
            return
        self._recipients.append(match.group(1).decode("utf-8", "replace"))
        self._say("250 2.1.5 ok")

    def _data(self) -> None:
        if not self._recipients:
            self._say("503 5.5.1 no recipient")
            return
        self._say("354 go on")
        lines: list[bytes] = []
        for line in self.rfile:
            if line == b".\r\n":
                with self.server.busy():
                    self._say(*self.server.deliver(unstuff(lines), self._recipients))
                return
            lines.append(line)

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


class Server(socketserver.ThreadingTCPServer):
    """Listens for Postfix."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], deliver: Deliver) -> None:
        super().__init__(address, Session)
        self.deliver = deliver
        self._deliveries = 0
        self._quiet = threading.Condition()

    @contextmanager
    def busy(self) -> Iterator[None]:
        with self._quiet:
            self._deliveries += 1
        try:
            yield
        finally:
            with self._quiet:
                self._deliveries -= 1
                self._quiet.notify_all()

    def drain(self) -> None:
        """Wait for the answers under way: a stored message without its 250 would come again."""
        with self._quiet:
            self._quiet.wait_for(lambda: not self._deliveries, timeout=10)

    def handle_error(self, request: object, client_address: object) -> None:
        log.warning("session with %s broke off", client_address, exc_info=True)
