"""What befalls the tracker on the source, and what the tool's journal says of it."""

from __future__ import annotations

import json

from lab.machine import Machine
from lab.scene import Scene
from lab.shell import wait_until
from tests.real.stage import STATE

UNIT = "transhume-tracker.service"
DOCS = "/var/spool/bm-docs"
ANEW = "the tracker was ended and began anew"
OVERRUN = "more happened at once than the kernel keeps"
# More than the kernel keeps for one that doesn't read: /proc/sys/fs/fanotify/max_queued_events.
_BURST = 20_000
_TOUCH = """
import os, sys
for number in range(int(sys.argv[2])):
    path = "%s/burst%d" % (sys.argv[1], number)
    with open(path, "w"):
        pass
    if number % 1000:
        os.unlink(path)
"""
_TITLES = (
    "import json, sqlite3, sys; rows = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)"
    ".execute(\"select data from event where kind = 'change-begun' and id > (select {} from event "
    "where kind = 'walk-begun') order by id\"); "
    "print(json.dumps([json.loads(row[0])['title'] for row in rows]))"
)


def last(run: Scene) -> list[str]:
    """What the walk that was the last did, each change by its title."""
    return _titles(run, "max(id)")


def every(run: Scene) -> list[str]:
    """What all walks did."""
    return _titles(run, "min(id)")


def _titles(run: Scene, since: str) -> list[str]:
    words = ("python3", "-c", _TITLES.replace("{}", since), f"{STATE}/journal.db")
    printed: list[str] = json.loads(run.pair.target.exec(words).stdout)
    return printed


def scanned(run: Scene) -> list[str]:
    """Why trees were scanned in the last walk."""
    return [title.partition(": ")[2] for title in last(run) if title.startswith("scan /")]


def main_pid(source: Machine) -> int:
    """The tracker's process, as the source numbers it; 0 where there is none."""
    shown = source.exec(("systemctl", "show", "-P", "MainPID", UNIT), check=False)
    return int(shown.stdout.strip() or "0")


def signal(source: Machine, name: str) -> None:
    """Send the tracker a signal."""
    source.exec(("systemctl", "kill", f"--signal={name}", UNIT))


def kill(source: Machine) -> None:
    """As a machine that is short of memory does; it begins anew by itself."""
    before = main_pid(source)
    signal(source, "KILL")
    wait_until(lambda: main_pid(source) not in (0, before), "the tracker to begin anew", 30)


def overrun(source: Machine) -> None:
    """More happens while it is held up than the kernel keeps for it."""
    signal(source, "STOP")
    try:
        source.exec(("python3", "-c", _TOUCH, DOCS, str(_BURST)))
    finally:
        signal(source, "CONT")
