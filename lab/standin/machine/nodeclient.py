"""How bm-core drives bm-node: always at the address that t_server holds, wherever core runs."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import urllib.request
from typing import Any

from . import settings
from .db import Pool


class NodeError(Exception):
    """The node refused or failed."""


def key() -> str:
    """Return what stands for the client certificate: the digest of the node client's key store."""
    return hashlib.sha256((settings.ETC / "nodeclient_keystore.jks").read_bytes()).hexdigest()


def address(directory: Pool) -> str:
    return str(directory.rows("SELECT ip FROM t_server ORDER BY item_id LIMIT 1")[0][0])


def call(ip: str, path: str, body: Any = None, limit: float = 60) -> Any:
    """Send one request to the node; the certificate isn't for its address, so it isn't checked."""
    request = urllib.request.Request(
        f"https://{ip}:{settings.NODE_PORT}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"X-Node-Key": key(), "X-Core-Host": socket.gethostname()},
    )
    context = ssl._create_unverified_context()
    with urllib.request.urlopen(request, timeout=limit, context=context) as answer:
        return json.load(answer)


def alive(ip: str) -> None:
    """Return if the node answers this core, raise otherwise."""
    call(ip, "/alive", limit=3)


def act(ip: str, files: dict[str, str], commands: list[list[str]]) -> None:
    """Write files on the node, then run commands there; raise on the first that fails."""
    answer = call(ip, "/act", {"files": files, "run": commands})
    if answer["failed"]:
        raise NodeError(answer["failed"])
