"""What systemd itself took to stop and to start a server's services, by the machines' journals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from lab.machine import Machine
from lab.shell import LabError

# systemd's catalogue, sd-messages(3): a unit stops or starts, and what may come of it.
_BEGAN = {"stop": "de5b426a63be47a7b6ac3eaac82e2f6f", "start": "7d4958e842da4a758f6c1cdc7b36dcc5"}
_FAILED = "be02cf6855d2428ba40df7e9d022f03d"
_ENDED = {
    "stop": ("9d1aaa27d60140bd96365438aad20286",),
    "start": ("39f53479d3a045ac8e11786248231fbf", _FAILED),
}
_SERVICES = ("bm-*.service", "postfix*.service")
_MONITORING = ("telegraf", "influxdb", "kapacitor", "chronograf")
_UNITS = (*_SERVICES, *(f"{name}.service" for name in _MONITORING))


@dataclass(frozen=True)
class Said:
    """One line of a journal: when, of which unit, and whether something began or ended."""

    at: float
    unit: str
    began: bool


def took(machine: Machine, what: Literal["stop", "start"], since: float, until: float) -> float:
    """Seconds between these moments in which any of the services was on its way."""
    wanted = [f"MESSAGE_ID={each}" for each in (_BEGAN[what], *_ENDED[what])]
    words = ("journalctl", "--output=json", "--no-pager", f"--since=@{int(since)}", *wanted)
    entries = (json.loads(line) for line in machine.exec(words).stdout.splitlines())
    said = [_said(entry, _BEGAN[what]) for entry in entries]
    return covered(ways(each for each in said if since <= each.at <= until))


def _said(entry: dict[str, Any], began: str) -> Said:
    at = int(entry.get("_SOURCE_REALTIME_TIMESTAMP", entry["__REALTIME_TIMESTAMP"]))
    return Said(at / 1e6, entry.get("UNIT", ""), entry["MESSAGE_ID"] == began)


def ways(said: Iterable[Said]) -> Iterator[tuple[float, float]]:
    """From when to when each service was on its way."""
    begun: dict[str, float] = {}
    for each in sorted(said, key=lambda each: each.at):
        if not any(fnmatchcase(each.unit, pattern) for pattern in _UNITS):
            continue
        if each.began:
            begun.setdefault(each.unit, each.at)
        elif each.unit in begun:
            yield begun.pop(each.unit), each.at
    if begun:
        raise LabError(f"by the journal {', '.join(sorted(begun))} never came to its end")


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds in at least one of these; what goes on side by side counts once."""
    total, until = 0.0, 0.0
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total
