"""Stands behind one machine as its mains: starts it, and starts it again when it reboots."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lab import cgroup, disk, network, places
from lab.places import SHORT, Role

# What nspawn exits with under --keep-unit when the machine inside asked for a reboot.
REBOOT = 133

# The agent on the source follows changes with fanotify, which nspawn's filter forbids by itself.
FANOTIFY = "fanotify_init fanotify_mark open_by_handle_at name_to_handle_at"
CAPABILITIES = "CAP_DAC_READ_SEARCH,CAP_NET_ADMIN,CAP_NET_RAW"

SETTINGS = {
    # Debian 13 refuses cgroup v1, which nspawn would else hand on from a host that has it.
    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
    # An admin sets sysctls of the network; /sys must stay read-only, by which the managers
    # see that no udev will ever announce a card.
    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
}


def container(name: str, role: Role) -> str:
    return f"{name}-{SHORT[role]}"


def nspawn(name: str, role: Role, root: Path) -> list[str]:
    return [
        "systemd-nspawn",
        "--quiet",
        "--boot",
        f"--directory={root}",
        f"--machine={container(name, role)}",
        f"--network-namespace-path={network.NAMESPACES / network.namespace(name, role)}",
        "--register=no",
        "--keep-unit",
        "--console=passive",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        f"--capability={CAPABILITIES}",
        f"--system-call-filter={FANOTIFY}",
    ]


def mounting(home: Path, argv: Sequence[str]) -> list[str]:
    """The command line with the machine's disk mounted for it, and for nobody else."""
    script = f'mount -o {disk.OPTIONS} "$0/disk.img" "$0/root" && exec "$@"'
    return [*disk.ASIDE, "--", "sh", "-c", script, str(home), *argv]


def power(name: str, role: Role) -> int:
    """One run of the machine, from power on to the end of nspawn."""
    box = f"{name}/{role}/box"
    cgroup.kill(box)
    disk.wait_released(places.host(name, role) / "disk.img")
    network.plug(name, role)
    return subprocess.run(
        mounting(places.host(name, role), nspawn(name, role, places.host(name, role) / "root")),
        stdin=subprocess.DEVNULL,
        check=False,
        env=os.environ | SETTINGS,
        preexec_fn=lambda: cgroup.join(box),
    ).returncode


def main(name: str, role: Role) -> int:
    cgroup.join(f"{name}/{role}/watch")
    status = REBOOT
    while status == REBOOT:
        status = power(name, role)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "source" if sys.argv[2] == "source" else "target"))
