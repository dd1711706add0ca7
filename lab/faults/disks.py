"""What happens to a disk: full, out of inodes, or no longer to be written to."""

from __future__ import annotations

from collections.abc import Iterator

from lab.faults.stage import Scenario, Stage
from lab.places import ROLES, Role

_FILL = (
    "free() { df --block-size=1 --output=avail / | tail -n 1; }; "
    'fallocate -l "$(($(free) - 8388608))" /root/filling; '
    "dd if=/dev/zero of=/root/filling.rest bs=4k 2>/dev/null; sync /root/filling.rest; "
    '[ "$(free)" -lt 100000 ]'
)
_POSTGRES = (
    "for unit in $(systemctl list-units --state=failed --plain --no-legend 'postgresql@*' | "
    "cut -d' ' -f1); do systemctl restart \"$unit\"; done"
)
_TREE = "/var/spool/bm-docs"


def full(role: Role) -> Scenario:
    """No block is left on a machine's disk, until the tool has given up."""

    def scenario(stage: Stage) -> Iterator[None]:
        machine = stage.run.pair.machines[ROLES.index(role)]
        machine.exec(("sh", "-c", _FILL))
        yield
        stage.over()
        machine.exec(("rm", "/root/filling", "/root/filling.rest"))
        # It ends itself rather than lose what it can't write; who makes room starts it again.
        machine.exec(("sh", "-c", _POSTGRES))

    return scenario


def no_inodes(stage: Stage) -> Iterator[None]:
    """A tree of the target has room and no inode left, until the tool has given up."""
    stage.target.exec(("mount", "-t", "tmpfs", "-o", "mode=755,nr_inodes=20", "few", _TREE))
    yield
    stage.over()
    stage.target.exec(("mount", "-o", "remount,nr_inodes=0", _TREE))


def read_only(stage: Stage) -> Iterator[None]:
    """A tree of the target can't be written to, until the tool has given up."""
    stage.target.exec(("mount", "--bind", _TREE, _TREE))
    stage.target.exec(("mount", "-o", "remount,bind,ro", _TREE))
    yield
    stage.over()
    stage.target.exec(("umount", _TREE))
