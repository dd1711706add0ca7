"""Gives a fresh disk what makes it one machine and no other: its name, its keys, its network."""

from __future__ import annotations

import uuid
from pathlib import Path

from lab import netconf, network
from lab.netconf import Manager
from lab.places import Role
from lab.shell import run

HOSTNAMES: dict[Role, str] = {"source": "mail.example.org", "target": "new.example.org"}


def machine(root: Path, role: Role, manager: Manager) -> None:
    hostname = HOSTNAMES[role]
    (root / "etc/hosts").write_text(_hosts())
    (root / "etc/hostname").write_text(hostname + "\n")
    (root / "etc/machine-id").write_text(uuid.uuid4().hex + "\n")
    # Nobody answers on the wire's port 53, so a look-up is refused at once instead of timing out.
    (root / "etc/resolv.conf").write_text(f"nameserver {network.WIRE.ipv4}\n")
    for kind in ("ed25519", "ecdsa", "rsa"):
        _keygen(kind, root / f"etc/ssh/ssh_host_{kind}_key", f"root@{hostname}")
    netconf.configure(root, manager, network.AT_START[role])


def trust(source: Path, target: Path) -> None:
    """Lets root of the target log in as root on the source, by key, whose host key it knows."""
    for root in (source, target):
        (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    key = target / "root/.ssh/id_ed25519"
    _keygen("ed25519", key, f"root@{HOSTNAMES['target']}")
    authorised = source / "root/.ssh/authorized_keys"
    authorised.write_text(key.with_suffix(".pub").read_text())
    authorised.chmod(0o600)
    known = ",".join((HOSTNAMES["source"], network.SERVICE.ipv4, network.SERVICE.ipv6))
    host_key = (source / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
    (target / "root/.ssh/known_hosts").write_text(f"{known} {host_key}")


def _hosts() -> str:
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    for role, hostname in HOSTNAMES.items():
        lines.append(f"{network.AT_START[role].ipv4} {hostname} {hostname.partition('.')[0]}")
    return "\n".join(lines) + "\n"


def _keygen(kind: str, path: Path, comment: str) -> None:
    run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", comment, "-f", str(path)])
