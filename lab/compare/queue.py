"""Finds again, on the copy, the messages that were stuck in the queue."""

from __future__ import annotations

import json

from lab.machine import Machine

# Where fill's queued messages go: nobody answers there, so they can only be queued or lost.
_NOWHERE = "@[192.0.2.99]"


def parse(text: str) -> list[str]:
    """Return each stuck message by what a move keeps: its queue id follows the inode."""
    found = []
    for line in text.splitlines():
        entry = json.loads(line)
        people = [each["address"] for each in entry["recipients"]]
        if any(person.endswith(_NOWHERE) for person in people):
            size, sender = entry["message_size"], entry["sender"]
            found.append(f"{entry['arrival_time']} {size} {sender} {' '.join(people)}")
    return sorted(found)


def stuck(machine: Machine) -> list[str]:
    return parse(machine.exec(["postqueue", "-j"]).stdout)
