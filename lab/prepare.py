"""Installs on the admin's machine what the lab itself needs."""

from __future__ import annotations

import shutil

from lab.shell import run, say

# Each package with a command that shows whether it is there.
NEEDED = {
    "mmdebstrap": "mmdebstrap",
    "systemd-container": "systemd-nspawn",
    "iproute2": "ip",
    "nftables": "nft",
    "rsync": "rsync",
    "e2fsprogs": "mkfs.ext4",
    "openssh-client": "ssh-keygen",
    "util-linux": "nsenter",
}


def missing() -> list[str]:
    return [package for package, command in NEEDED.items() if not shutil.which(command)]


def prepare() -> None:
    absent = missing()
    if absent:
        say(f"installing {' '.join(absent)}")
        run(["apt-get", "update"])
        run(["apt-get", "install", "--yes", "--no-install-recommends", *absent])
