"""Looks at a server from outside, several times a second, as its users and senders would."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

_TIMEOUT = 2.0
# The kernel answers at once or, where connections wait at a closed door, not at all.
_CONNECT_TIMEOUT = 0.3
_STATE = "/api/system/installation/state"


def _get(address: str, path: str) -> tuple[int, str]:
    # The certificate is the machine's own and moves along: it isn't what is probed here.
    context = ssl._create_unverified_context()
    session = http.client.HTTPSConnection(address, 443, timeout=_TIMEOUT, context=context)
    try:
        session.request("GET", path, headers={"Host": "mail.example.org"})
        answer = session.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        session.close()


def smtp(address: str) -> tuple[bool, str]:
    with socket.create_connection((address, 25), _CONNECT_TIMEOUT) as session:
        session.settimeout(_TIMEOUT)
        banner = session.recv(512).decode(errors="replace").strip()
        session.sendall(b"QUIT\r\n")
    return banner.startswith("220 "), banner


def https(address: str) -> tuple[bool, str]:
    status, page = _get(address, "/")
    return status == 200 and "<title>BlueMind</title>" in page, str(status)


def core(address: str) -> tuple[bool, str]:
    status, state = _get(address, _STATE)
    return status == 200 and "core.state.running" in state, f"{status} {state[:40]}"


PROBES: dict[str, Callable[[str], tuple[bool, str]]] = {"smtp": smtp, "https": https, "core": core}


def look(service: str, address: str) -> dict[str, object]:
    """Probe once; whatever goes wrong means that the service is down for a visitor."""
    begun = time.time()
    try:
        up, detail = PROBES[service](address)
    except (OSError, http.client.HTTPException) as error:
        up, detail = False, f"{type(error).__name__}: {error}"
    took = time.time() - begun
    return {"time": begun, "took": took, "service": service, "up": up, "detail": detail}


def probe(path: Path, address: str, every: float, stopping: threading.Event) -> None:
    """Probe all services side by side until told to stop: a slow one must not hide another."""
    lock = threading.Lock()
    with path.open("a") as file:

        def follow(service: str) -> None:
            due = time.monotonic()
            while not stopping.wait(max(0.0, due - time.monotonic())):
                line = json.dumps(look(service, address))
                with lock:
                    file.write(line + "\n")
                    file.flush()
                due = max(due + every, time.monotonic())

        threads = [threading.Thread(target=follow, args=(name,)) for name in PROBES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
