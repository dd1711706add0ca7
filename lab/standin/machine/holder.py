"""Stands in for the services that a move only starts and stops: holds a port, or just runs."""

from __future__ import annotations

import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import settings

_PAGE = b"<!DOCTYPE html><html><head><title>BlueMind</title></head><body>stand-in</body></html>\n"


class Page(BaseHTTPRequestHandler):
    """Answers everything with the one page, whose title visitors know."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(_PAGE)))
        self.end_headers()
        self.wfile.write(_PAGE)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def main(arguments: list[str]) -> None:
    if not arguments:
        settings.notify("READY=1")
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
        return
    server = ThreadingHTTPServer(("127.0.0.1", int(arguments[0])), Page)
    settings.notify("READY=1")
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
