"""Proves for each message that was accepted that it lies in one mailbox, once, and whole."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lab.compare import databases, trees
from lab.machine import Machine
from lab.standin.machine.accounts import uid_of
from lab.traffic import Accepted

_STORED = """SELECT trim(both '<>' from b.message_id), coalesce(f.unique_id, '')
  FROM t_message_body b JOIN t_mailbox_record r ON r.message_body_guid = b.guid
  LEFT JOIN t_mailbox_replica f ON f.records_id = r.container_id
  WHERE b.message_id LIKE '%@traffic.lab>';"""
_BODIES = "SELECT encode(guid, 'hex') FROM t_message_body;"
_NEW_BODIES = "SELECT encode(guid, 'hex') FROM t_message_body WHERE created > '{}';"


@dataclass(frozen=True)
class Fate:
    """What became of the accepted messages."""

    accepted: int
    missing: tuple[str, ...]
    # Two copies of a message are the sender's right only where it could not know of the first.
    doubled: tuple[str, ...]
    doubled_rightly: tuple[str, ...]
    misdelivered: tuple[str, ...]


def fate(accepted: Iterable[Accepted], stored: Mapping[str, list[str]]) -> Fate:
    """Compare what was accepted with the mailboxes that each marker is found in."""
    everything = list(accepted)
    missing: list[str] = []
    doubled: list[str] = []
    rightly: list[str] = []
    wrong: list[str] = []
    for each in everything:
        places = stored.get(each.marker, [])
        if not places:
            missing.append(each.marker)
        elif len(places) > 1:
            (rightly if each.doubtful else doubled).append(each.marker)
        if any(place != f"inbox.{uid_of(each.recipient)}" for place in places):
            wrong.append(each.marker)
    return Fate(len(everything), tuple(missing), tuple(doubled), tuple(rightly), tuple(wrong))


def stored(machine: Machine) -> dict[str, list[str]]:
    """Return for each marker the folders that hold it."""
    found: dict[str, list[str]] = defaultdict(list)
    for marker, place in databases.psql(machine, databases.MAIL, _STORED):
        found[marker].append(place)
    return found


def settled(machine: Machine, accepted: Iterable[Accepted], limit: float) -> Fate:
    """Wait until nothing is missing: an accepted message may still be queued."""
    end = time.monotonic() + limit
    everything = list(accepted)
    while True:
        found = fate(everything, stored(machine))
        if not found.missing or time.monotonic() > end:
            return found
        time.sleep(0.5)


def broken_bodies(machine: Machine) -> dict[str, str]:
    """Return each stored message whose body is not there or not what its name says."""
    wanted = [row[0] for row in databases.psql(machine, databases.MAIL, _BODIES)]
    return dict(trees.inside(machine, "bodies", wanted))


def new_bodies(machine: Machine, after: str) -> set[str]:
    rows = databases.psql(machine, databases.MAIL, _NEW_BODIES.format(after))
    return {row[0] for row in rows}
