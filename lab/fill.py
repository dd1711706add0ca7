"""Fills a machine's stand-in with generated mail, people, events and files."""

from __future__ import annotations

import json
from typing import Any

from lab.machine import Machine

COMMAND = "/usr/lib/bm-standin/fill"


def arguments(
    *,
    messages: int = 20_000,
    users: int = 100,
    seed: int = 1,
    median_size: int = 12_000,
    archived: float = 0.1,
    events: int = 1000,
    files: int = 200,
    index_bytes: int | None = None,
    queued: int = 5,
    odd_names: bool = True,
    legacy_zones: bool = False,
) -> list[str]:
    """Return the command that fills a machine so, to be run inside it."""
    numbers = {
        "messages": messages,
        "users": users,
        "seed": seed,
        "median-size": median_size,
        "archived": archived,
        "events": events,
        "files": files,
        "queued": queued,
    }
    argv = [COMMAND, *(f"--{name}={value}" for name, value in numbers.items())]
    if index_bytes is not None:
        argv.append(f"--index-bytes={index_bytes}")
    if not odd_names:
        argv.append("--plain-names")
    if legacy_zones:
        argv.append("--legacy-zones")
    return argv


def fill(machine: Machine, **wanted: Any) -> dict[str, Any]:
    """Fill the machine, whose wizard has run; `wanted` is what arguments() takes.

    The summary names the totals and the addresses that mail can be sent to.
    """
    summary: dict[str, Any] = json.loads(machine.exec(arguments(**wanted)).stdout)
    return summary
