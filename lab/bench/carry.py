"""Run on the target, in the tool's own Python: the first copy of one tree as `sync` makes it.

Arguments: the source as typed after ssh, its host key, the tree, its bytes. Prints seconds as JSON:
until everything was carried, and until a pass of rsync found the tree equal.
"""

from __future__ import annotations

import json
import sys
import time

from transhume.core.change import SyncTree
from transhume.engine.perform import Performer
from transhume.hosts.machine import Core, machines
from transhume.hosts.memory import Peaks
from transhume.hosts.postgres import Postgres
from transhume.hosts.process import Processes
from transhume.hosts.ssh import SOCKETS, Ssh
from transhume.steps.bulk import seeding


def _asks_nothing(message: str) -> None:
    raise AssertionError(message)


def main(source: str, host_key: str, tree: str, size: str) -> None:
    processes = Processes()
    ssh = Ssh(processes, source, host_key)
    ssh.to("")
    hands = machines(processes, ssh, Postgres(lambda place: [], SOCKETS), Core(0, ""), Peaks())
    performer = Performer(hands, ssh, _asks_nothing, lambda progress: None)
    try:
        begun = time.monotonic()
        performer.perform(seeding(tree, int(size)))
        carried = time.monotonic()
        performer.perform(SyncTree(tree))
        ended = time.monotonic()
    finally:
        ssh.close()
    sys.stdout.write(json.dumps({"carried": carried - begun, "equal": ended - begun}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
