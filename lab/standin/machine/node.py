"""The stand-in for bm-node: does what a core asks, over TLS, and keeps a record of who asked."""

from __future__ import annotations

import hmac
import json
import ssl
import subprocess
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from . import nodeclient, settings

# Tests read this: a line for each time that a core, of this host or of another, drove the node.
RECORD = Path("/var/log/bm-node/driven.jsonl")
_CERTIFICATE = "/etc/ssl/certs/bm_cert.pem"


def perform(order: dict[str, Any]) -> dict[str, Any]:
    """Write the files, run the commands; stop at the first that fails."""
    for path, text in order["files"].items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
    for command in order["run"]:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return {"failed": f"{' '.join(command)}: {done.stderr.strip()}"}
    return {"failed": None}


class Handler(BaseHTTPRequestHandler):
    """GET /alive and POST /act, for a core that has this host's key store."""

    def do_GET(self) -> None:
        self._guarded(lambda: {"alive": True})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        order = json.loads(self.rfile.read(length))
        self._guarded(lambda: perform(order))

    def _guarded(self, work: Any) -> None:
        known = hmac.compare_digest(self.headers.get("X-Node-Key", ""), nodeclient.key())
        self._record(known)
        if known:
            self._reply(200, work())
        else:
            self._reply(403, {"failed": "unknown core"})

    def _record(self, known: bool) -> None:
        line = {
            "time": time.time(),
            "core": self.headers.get("X-Core-Host", ""),
            "from": self.client_address[0],
            "request": f"{self.command} {self.path}",
            "accepted": known,
        }
        with RECORD.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _reply(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """The record says it already."""


def main() -> None:
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("0.0.0.0", settings.NODE_PORT), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_CERTIFICATE)
    # The handshake belongs into the thread of the session: a silent peer must not block the rest.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    settings.notify("READY=1")
    server.serve_forever()


if __name__ == "__main__":
    main()
