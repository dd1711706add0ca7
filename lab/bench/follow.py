"""Run on the target, in the tool's own Python: start to follow trees as `sync` does.

Arguments: the source as typed after ssh, its host key, the trees.
"""

from __future__ import annotations

import sys

from transhume.core.host import Pair
from transhume.engine.perform import Performer
from transhume.hosts.machine import Core, machines
from transhume.hosts.memory import Peaks
from transhume.hosts.postgres import Postgres
from transhume.hosts.process import Processes
from transhume.hosts.ssh import SOCKETS, Ssh
from transhume.steps.follow_trees import FollowTrees
from transhume.steps.trees import Tree


def _asks_nothing(message: str) -> None:
    raise AssertionError(message)


def main(source: str, host_key: str, *paths: str) -> None:
    processes = Processes()
    ssh = Ssh(processes, source, host_key)
    ssh.to("")
    both = machines(processes, ssh, Postgres(lambda place: [], SOCKETS), Core(0, ""), Peaks())
    performer = Performer(both, ssh, _asks_nothing, lambda progress: None)
    pair = Pair(both["source"], both["target"])
    step = FollowTrees(tuple(Tree(path, optional=True) for path in paths))
    try:
        for change in step.run(pair):
            performer.perform(change.act)
        for finding in step.verify(pair):
            sys.exit(finding.seen)
    finally:
        ssh.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
