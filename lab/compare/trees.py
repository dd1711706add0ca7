"""Compares folders by name, owner name, rights, time, attributes and content."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.machine import Machine

_INSIDE = Path(__file__).with_name("inside.py")
Tree = dict[str, dict[str, Any]]

DATA = (
    "/var/spool/cyrus",
    "/var/spool/bm-hsm",
    "/var/spool/bm-elasticsearch",
    "/var/spool/bm-docs",
    "/var/spool/bm-filehosting",
    "/var/spool/bm-hollowed",
    "/var/spool/bm-core",
    "/var/spool/bm-mapi",
    "/var/lib/influxdb",
)
# Here the time of a file says nothing: a tool may well write it anew.
CONFIGURATION = (
    "/etc/bm",
    "/etc/bm-keycloak",
    "/etc/bm-webmail",
    "/etc/nginx/bm-local.d",
    "/etc/nginx/bluemind",
    "/etc/nginx/sw.htpasswd",
    "/etc/ssl/certs/bm_cert.pem",
    "/etc/ssl/certs/bm_cert-example.org.pem",
    "/var/lib/bm-ca",
    "/usr/share/bm-elasticsearch/config/elasticsearch.yml",
    "/etc/postfix/main.cf",
    "/etc/postfix/relay_passwd",
    "/etc/postfix/sender_canonical",
    "/etc/aliases",
    "/etc/krb5.conf",
)


@dataclass(frozen=True)
class Unlike:
    """One path that isn't the same on both sides."""

    path: str
    what: str


def inside(machine: Machine, work: str, items: Iterable[str]) -> list[Any]:
    """Run inside.py in the machine; the order goes in front of the program, not into argv."""
    order = json.dumps({"work": work, "items": list(items)})
    future, _, rest = _INSIDE.read_text().partition("from __future__ import annotations\n")
    program = f"{future}from __future__ import annotations\nORDER = {order!r}\n{rest}"
    lines = machine.exec(["python3", "-"], stdin=program).stdout.splitlines()
    return [json.loads(line) for line in lines]


def describe(machine: Machine, tops: Iterable[str]) -> Tree:
    return dict(inside(machine, "manifest", tops))


def _details(one: dict[str, Any], two: dict[str, Any], ignored: set[str]) -> str:
    keys = sorted((one.keys() | two.keys()) - ignored)
    return ", ".join(
        f"{key} {one.get(key)!r} became {two.get(key)!r}"
        for key in keys
        if one.get(key) != two.get(key)
    )


def unlike(reference: Tree, copy: Tree, *, times: bool, after: float | None) -> Iterator[Unlike]:
    """Yield what differs; folders changed on the copy after a moment may have a newer time."""
    for path in sorted(reference.keys() | copy.keys()):
        if path not in copy:
            yield Unlike(path, "missing")
        elif path not in reference:
            yield Unlike(path, "extra")
        else:
            newer = copy[path]["type"] == "d" and after is not None
            fresh = newer and copy[path]["mtime"] / 1e6 > (after or 0)
            ignored = set() if times and not fresh else {"mtime"}
            details = _details(reference[path], copy[path], ignored)
            if details:
                yield Unlike(path, details)


def without_arrived(found: Iterable[Unlike], guids: set[str]) -> list[Unlike]:
    """Take out the bodies that came in after the move, which the copy alone can have whole.

    What a store on a full disk could write of one stays there; the mail itself came from the queue.
    """
    return [each for each in found if each.what == "missing" or Path(each.path).stem not in guids]
