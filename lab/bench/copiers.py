"""What an expert would copy a tree with, each as its own manual has it for this use."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab import network
from lab.bench import packages
from lab.machine import Machine
from lab.pair import Pair
from lab.scene import NAME, SOURCE
from lab.shell import LabError

_PACKAGES = ("fpart", "rclone")
_KEY = "/root/.ssh/id_ed25519"
_STREAMS = 4
LIMIT_SECONDS = 900
"""What isn't done by then is ended: a copier may stall for ever on a long line."""


@dataclass(frozen=True)
class Took:
    """Seconds of one copy: until its end, and until the target was equal where it sees to that.

    None when it had to be ended.
    """

    seconds: float | None
    equal: float | None = None


Copier = Callable[[Pair, str], Took]


def _timed(machine: Machine, script: str) -> Took:
    # In a unit of its own, so that the machine's cgroup counts its processor time.
    unit = (
        "systemd-run",
        "--quiet",
        "--pipe",
        "--wait",
        f"--property=RuntimeMaxSec={LIMIT_SECONDS}",
    )
    begun = time.monotonic()
    done = machine.exec((*unit, "bash", "-o", "pipefail", "-c", script), check=False)
    seconds = time.monotonic() - begun
    if done.returncode == 0:
        return Took(seconds)
    if seconds < LIMIT_SECONDS:
        raise LabError(f"{script}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    return Took(None)


def rsync(pair: Pair, tree: str) -> Took:
    """The documented way, with what it leaves out: ACLs, attributes, holes."""
    return _timed(pair.target, f"rsync -aHAXS {SOURCE}:{tree}/ {tree}/")


def tar(pair: Pair, tree: str) -> Took:
    """GNU tar at both ends, times whole, one stream."""
    kept = "--format=posix --pax-option=delete=atime,delete=ctime --acls --xattrs --sparse"
    pack = shlex.quote(f"tar -C {tree} -c {kept} .")
    return _timed(pair.target, f"ssh {SOURCE} {pack} | tar -C {tree} -x -p --acls --xattrs")


def fpsync(pair: Pair, tree: str) -> Took:
    """Several rsyncs, each with its part of the files; it can only push."""
    there = f"root@{network.TARGET.ipv4}:{tree}/"
    return _timed(pair.source, f"fpsync -n {_STREAMS} -o '-lptgoDHAXS' {tree}/ {there}")


def rclone(pair: Pair, tree: str) -> Took:
    """Over SFTP; it keeps times, but neither owners nor links, and asks no known host."""
    remote = f":sftp,host={NAME},user=root,key_file={_KEY}:"
    options = (
        f"--transfers={4 * _STREAMS} --checkers={4 * _STREAMS} --sftp-disable-hashcheck --links"
    )
    return _timed(pair.target, f"rclone copy {options} {shlex.quote(remote + tree)} {tree}")


def transhume(pair: Pair, tree: str) -> Took:
    """The act of `sync`: carried over several connections, then a pass of rsync."""
    size = pair.source.exec(("du", "-s", "--apparent-size", "--block-size=1", tree)).stdout.split()[
        0
    ]
    key = pair.source.exec(("cat", "/etc/ssh/ssh_host_ed25519_key.pub")).stdout.split()[:2]
    program = pair.target.root / "root" / "carry.py"
    program.write_text((Path(__file__).parent / "carry.py").read_text())
    words = ("/opt/transhume/bin/python", "/root/carry.py", SOURCE, " ".join(key), tree, size)
    unit = ("systemd-run", "--quiet", "--pipe", "--wait")
    took = json.loads(pair.target.exec((*unit, *words)).stdout)
    return Took(took["carried"], took["equal"])


COPIERS: dict[str, Copier] = {
    "rsync": rsync,
    "fpsync": fpsync,
    "tar": tar,
    "rclone": rclone,
    "transhume": transhume,
}


def install(pair: Pair) -> None:
    """Debian's packages of what the machines lack, and a way for fpsync from the source."""
    for machine in pair.machines:
        for package in _PACKAGES:
            packages.install(machine, package)
    _trust_back(pair)


def _trust_back(pair: Pair) -> None:
    pair.source.exec(("sh", "-c", f"test -e {_KEY} || ssh-keygen -q -t ed25519 -N '' -f {_KEY}"))
    public = pair.source.exec(("cat", f"{_KEY}.pub")).stdout
    pair.target.exec(("sh", "-c", "cat >> /root/.ssh/authorized_keys"), stdin=public)
    key = pair.target.exec(("cat", "/etc/ssh/ssh_host_ed25519_key.pub")).stdout
    known = f"{network.TARGET.ipv4} {key}"
    pair.source.exec(("sh", "-c", "cat >> /root/.ssh/known_hosts"), stdin=known)
