"""Where the stand-in keeps its files, and what it reads from /etc/bm."""

from __future__ import annotations

import configparser
import os
import socket
from pathlib import Path

ETC = Path("/etc/bm")
INI = ETC / "bm.ini"
SHARE = Path("/usr/share/bm-standin")
LIVE_TIER = Path("/var/spool/cyrus/data/by_hash")
ARCHIVE_TIER = Path("/var/spool/bm-hsm/data/by_hash")
POSTFIX = Path("/etc/postfix")
CORE_PORT = 8090
LMTP_PORT = 2400
NODE_PORT = 8022


def ini() -> dict[str, str]:
    """Return the [global] section of bm.ini."""
    parser = configparser.ConfigParser(interpolation=None)
    with INI.open() as file:
        parser.read_file(file)
    return dict(parser["global"])


def token() -> str:
    return (ETC / "bm-core.tok").read_text().strip()


def version() -> str:
    return (SHARE / "version").read_text().strip()


def notify(message: str) -> None:
    """Tell systemd something, as sd_notify does."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(message.encode(), address)
