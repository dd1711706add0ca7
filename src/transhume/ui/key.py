"""`transhume key`: a key of the move's own, and the line with which the source lets it in."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from transhume.core.change import KEY
from transhume.errors import StepFailed, Unreachable
from transhume.hosts.process import Processes

# No terminal, no agent, no X11, no command of the account's own rc file; forwards lead to the
# source's own loopback alone (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
_MAY = 'restrict,port-forwarding,permitopen="127.0.0.1:*"'


def line(processes: Processes, hostname: str) -> str:
    """The line for the source's authorized_keys; the key is made when there is none yet.

    `hostname` is the source as ssh reaches it: once the target has taken its addresses it may come
    from there.
    """
    _make(processes)
    addresses = sorted({*_own(processes), *_resolved(hostname)})
    public = Path(f"{KEY}.pub").read_text().strip()
    return f'{_MAY},from="{",".join(addresses)}" {public}'


def _make(processes: Processes) -> None:
    path = Path(KEY)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path.exists():
        return
    name = f"transhume@{socket.gethostname()}"
    made = processes.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", KEY))
    if made.status != 0:
        said = made.stderr.decode(errors="replace").strip()
        raise StepFailed(f"ssh-keygen can't make {KEY}: {said}", state="Nothing was touched.")


def _own(processes: Processes) -> set[str]:
    """The addresses of this machine, from any of which it may come."""
    shown = processes.run(("ip", "-j", "addr", "show", "scope", "global")).text
    return {
        str(held["local"])
        for link in json.loads(shown or "[]")
        for held in link.get("addr_info", ())
        if "local" in held
    }


def _resolved(hostname: str) -> set[str]:
    try:
        return {str(item[4][0]) for item in socket.getaddrinfo(hostname, None)}
    except OSError as error:
        raise Unreachable(
            f"{hostname} has no address that this machine knows: {error.strerror}",
            state="Nothing was touched.",
            remedy="give the name or the address by which ssh reaches the source",
        ) from None
