"""The Postfix maps as they follow from the databases, and how they reach /etc/postfix."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from . import nodeclient, settings
from .db import Pool

log = logging.getLogger("maps")

NAMES = (
    "virtual_domains",
    "virtual_mailbox",
    "virtual_alias",
    "transport",
    "master_relay_transport",
)
_THROTTLE = 10.0
_FIRST_DELAY = 2.0

_DOMAINS = "SELECT name, aliases FROM t_domain WHERE NOT global ORDER BY name"
_ADDRESSES = """SELECT m.item_id, e.left_address, e.right_address, e.all_aliases,
  e.is_default, m.routing FROM t_mailbox m JOIN t_mailbox_email e USING (item_id)
  WHERE NOT m.archived AND m.routing <> 'none' ORDER BY e.is_default DESC, 2, 3"""
_IMAP_SERVER = "SELECT ip FROM t_server WHERE 'mail/imap' = ANY (tags)"


def render(
    domains: list[tuple[str, list[str]]], addresses: list[Any], server: str, relay: str
) -> dict[str, str]:
    """Return the text of each map. The first address of a mailbox is its default one."""
    names = [name for domain, aliases in domains for name in (domain, *(aliases or ()))]
    lines: dict[str, list[str]] = {name: [] for name in NAMES}
    lines["virtual_domains"] = [f"{name} OK" for name in names]
    first: dict[int, str] = {}
    for item, left, right, everywhere, _, routing in addresses:
        for domain in names if everywhere else [right]:
            address = f"{left}@{domain}"
            main = first.setdefault(item, address)
            if address != main:
                lines["virtual_alias"].append(f"{address} {main}")
                continue
            lines["virtual_mailbox"].append(f"{main} OK")
            if routing == "external":
                lines["master_relay_transport"].append(f"{main} smtp:{relay}")
            else:
                lines["transport"].append(f"{main} lmtp:{server}:{settings.LMTP_PORT}")
    return {name: "".join(f"{line}\n" for line in lines[name]) for name in NAMES}


def current(directory: Pool, relay: str = "") -> dict[str, str]:
    server = directory.rows(_IMAP_SERVER)[0][0]
    return render(directory.rows(_DOMAINS), directory.rows(_ADDRESSES), server, relay)


def commands(name: str) -> list[list[str]]:
    """Build the map under another name, so Postfix never reads half a map.

    All Debian releases up to 13 still bring the hash type; a Postfix without Berkeley DB would
    need its own default type and file name here and in main.cf.
    """
    flat, ready = f"{settings.POSTFIX}/{name}-flat", f"{settings.POSTFIX}/{name}.db"
    return [["postmap", f"hash:{flat}"], ["mv", f"{flat}.db", ready]]


class Repair:
    """Rewrites the maps later, at most once in ten seconds; a failure only reaches the log."""

    def __init__(self, directory: Pool) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._waiting = False
        self._last = 0.0

    def ask(self) -> None:
        with self._lock:
            if self._waiting:
                return
            self._waiting = True
        now = time.monotonic()
        delay = max(_FIRST_DELAY, self._last + _THROTTLE - now)
        timer = threading.Timer(delay, self._write)
        timer.daemon = True
        timer.start()

    def _write(self) -> None:
        with self._lock:
            self._waiting = False
            self._last = time.monotonic()
        try:
            write(self._directory)
        except Exception:
            log.exception("the routing tables were not written")


def write(directory: Pool) -> None:
    """Have the node that t_server names write and compile all maps."""
    texts = current(directory)
    files = {f"{settings.POSTFIX}/{name}-flat": text for name, text in texts.items()}
    run = [command for name in texts for command in commands(name)]
    nodeclient.act(nodeclient.address(directory), files, [*run, ["postfix", "reload"]])
    log.info("routing tables written for %s", ", ".join(texts))
