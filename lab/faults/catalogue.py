"""Every fault, with the phases it makes sense in and the changes it needs."""

from __future__ import annotations

from dataclasses import dataclass

from lab.faults import disks, files, lines, machines, people, processes
from lab.faults.phases import CHANGING, PHASES, Phase
from lab.faults.stage import Scenario
from lab.kill_at import DURING, MOMENTS
from lab.places import ROLES, Role

_BEFORE: tuple[Phase, ...] = ("sync", "before the freeze", "frozen")
_COPIES = r"^sync-trees: (copy|scan) |^finish-trees: copy "
_FOLLOWS = r"^(sync-trees|prove-followed|freeze|finish-trees): "
_TAKES = r"^take-address: take "
_LAST = r"^ask-source: "
"""After it no change of a sync is left that another fault could wait for."""
_DOCS = r"^sync-trees: (copy|carry) /var/spool/bm-docs$"


@dataclass(frozen=True)
class Fault:
    """What is broken. `wants` is a pattern of the changes at which there is something to break."""

    name: str
    scenario: Scenario
    phases: tuple[Phase, ...] = CHANGING
    wants: str = ""
    moments: tuple[str, ...] = ("begun",)
    """Each is a cell of its own."""
    restarts: Role | None = None
    """The machine that starts anew: what lasts only until then isn't there afterwards."""


KILL = "the tool is killed"
"""Tried at every change and every moment, and not at one of each phase."""
BEFORE, *_REST = MOMENTS
KILLED = (*_REST[:1], DURING, *_REST[1:])
"""Its moments; but for changes beside others the one before a change is the end of the last one."""
_POWER = ("begun", "done")
"""Before the act, and right after it is on disk as done: then it must have been on disk indeed."""
_MOVING = tuple(phase for phase in PHASES if phase != "check")

FAULTS = (
    Fault(KILL, processes.signalled("KILL"), PHASES, moments=KILLED),
    Fault("Ctrl-C", processes.signalled("INT"), PHASES),
    Fault("Ctrl-C twice", processes.signalled("INT", "INT"), PHASES),
    Fault("the tool stands still for 30 s", processes.stopped),
    Fault("the tool's clock is stepped by an hour", processes.clock_stepped),
    Fault("all its ssh are killed", processes.every_ssh, PHASES),
    Fault("rsync is killed", processes.killed("rsync"), _BEFORE, _COPIES),
    Fault("pg_dump is killed", processes.killed("pg_dump"), ("sync",), r"copy \w+.* follow"),
    Fault("pg_restore is killed", processes.killed("pg_restore"), ("sync",), r"copy \w+.* follow"),
    Fault("the tracker is killed", processes.tracker, _BEFORE, _FOLLOWS),
    Fault("the line is down for 5 s", lines.down_for(5), PHASES),
    Fault("the line is down for 60 s", lines.down_for(60), _MOVING),
    Fault("the line is down for good", lines.down_for_good, PHASES),
    Fault("the line is half open", lines.half_open),
    Fault("a byte is flipped on the line", lines.flipped, _BEFORE),
    Fault("sshd is restarted", machines.sshd_restarted),
    Fault("sshd is killed with its sessions", machines.sshd_ended),
    Fault("the source's PostgreSQL crashes", machines.postgres_crashed("source")),
    Fault("the target's PostgreSQL crashes", machines.postgres_crashed("target")),
    *(
        Fault(f"the {role} loses its power", machines.power_lost(role), PHASES, "", _POWER, role)
        for role in ROLES
    ),
    Fault("the target's disk is full", disks.full("target")),
    Fault("the source's disk is full", disks.full("source"), _BEFORE),
    Fault("a tree of the target has no inode left", disks.no_inodes, ("sync",), _DOCS),
    Fault("a tree of the target is read-only", disks.read_only, _BEFORE, _COPIES),
    *(
        Fault(f"a file {kind} while it is copied", files.changes(kind), ("sync",), _DOCS)
        for kind in files.KINDS
    ),
    Fault("a second admin types each command", people.second_admin),
    Fault("two admins type sync at once", people.two_admins, ("sync",), _LAST),
    Fault("the source's services are started by hand", people.source_started, ("frozen",)),
    Fault("a third machine has the address", people.third_machine, ("frozen",), _TAKES),
    Fault(
        "the old server comes back",
        machines.old_server_back,
        ("after the opening",),
        restarts="source",
    ),
)
