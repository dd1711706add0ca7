"""One of the lab's machines: power, console, and a way to run commands inside it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import cgroup, disk, network, places, watch
from lab.places import Role
from lab.shell import DETACHED, LabError, failure, run, wait_until

BOOT_LIMIT = 120
STOP_LIMIT = 120
SETTLED = {"running", "degraded"}
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
}


@dataclass(frozen=True)
class Machine:
    """A machine is known by its instance and role; all else is read off the running system."""

    name: str
    role: Role

    def __str__(self) -> str:
        return f"{self.name} {self.role}"

    @property
    def home(self) -> Path:
        return places.host(self.name, self.role)

    @property
    def image(self) -> Path:
        return self.home / "disk.img"

    @property
    def root(self) -> Path:
        """The running machine's files, to read and write one by one.

        Don't resolve it: the kernel leads there by itself, but says that it leads to /.
        """
        return Path(f"/proc/{self._leader()}/root")

    @property
    def console(self) -> Path:
        return self.home / "console.log"

    @property
    def group(self) -> str:
        return f"{self.name}/{self.role}"

    # --- power

    def on(self) -> bool:
        return any(cgroup.processes(f"{self.group}/watch"))

    def boot(self, *, address: bool = True) -> None:
        self.start()
        self.wait_ready(address=address)

    def start(self) -> None:
        """Switches it on and returns at once."""
        if self.on():
            raise LabError(f"{self} is on already")
        (self.home / "root").mkdir(exist_ok=True)
        with self.console.open("ab") as log:
            subprocess.run(
                [*DETACHED, sys.executable, "-m", "lab.watch", self.name, self.role],
                cwd=places.CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                check=True,
            )
        wait_until(self.on, f"{self} to start (see {self.console})", 20)

    def wait_ready(self, *, address: bool = True) -> None:
        """Until every unit has settled and, unless told otherwise, both addresses are usable."""
        wait_until(lambda: self._ready(address), f"{self} to be ready", BOOT_LIMIT)

    def wait_login(self) -> None:
        """Until one can log in, and ask PostgreSQL, of a machine that was set up.

        A core that doesn't get its address keeps a boot from its end.
        """
        wait_until(self._login, f"{self} to let somebody log in", BOOT_LIMIT)

    def _login(self) -> bool:
        there = ("sh", "-c", "systemctl is-active --quiet ssh.service && pg_isready -q")
        return self.leader() is not None and self.exec(there, check=False).returncode == 0

    def _ready(self, address: bool) -> bool:
        if not self.on():
            raise LabError(f"{self} ended while it started: see {self.console}")
        if self.leader() is None:
            return False
        state = self.exec(["systemctl", "is-system-running"], check=False).stdout.strip()
        return state in SETTLED and (not address or self.addressed())

    def addressed(self) -> bool:
        """Whether a usable address of each family is there: not one that is still being tried."""
        space = network.namespace(self.name, self.role)
        shown = run(["ip", "-n", space, "-j", "addr", "show", network.INTERFACE], check=False)
        found = json.loads(shown.stdout or "[]")
        usable = {
            each["family"]
            for link in found
            for each in link.get("addr_info", [])
            if each["scope"] == "global" and not each.get("tentative")
        }
        return usable == {"inet", "inet6"}

    def reboot(self, *, address: bool = True) -> None:
        before = self._leader()
        self.exec(["systemctl", "reboot"], check=False)
        wait_until(lambda: self.leader() not in (before, None), f"{self} to reboot", STOP_LIMIT)
        self.wait_ready(address=address)

    def poweroff(self) -> None:
        """Shuts it down in order and lets go of its disk."""
        if self.on():
            self.exec(["systemctl", "poweroff"], check=False)
            wait_until(lambda: not self.on(), f"{self} to power off", STOP_LIMIT)
        self._let_go()

    def kill(self) -> None:
        """Cuts the power: what was not yet on the disk is lost, as on a real machine."""
        if self.leader() is not None:
            disk.cut_power(self.root)
        self._let_go()

    def destroy(self) -> None:
        self._let_go()
        shutil.rmtree(self.home, ignore_errors=True)

    def _let_go(self) -> None:
        cgroup.kill(self.group)
        disk.wait_released(self.image)
        # nspawn leaves this folder behind whenever it ends.
        left = Path("/run/systemd/nspawn/propagate") / watch.container(self.name, self.role)
        with contextlib.suppress(OSError):
            left.rmdir()

    # --- commands

    def leader(self) -> int | None:
        """The machine's first process, as numbered out here."""
        for pid in cgroup.processes(f"{self.group}/box"):
            if _numbers(pid)[1:] == ["1"]:
                return pid
        return None

    def _leader(self) -> int:
        found = self.leader()
        if found is None:
            raise LabError(f"{self} is not running")
        return found

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs argv inside, for whoever starts it himself.

        Killing it ends only the way in: what runs inside is to be killed inside.
        """
        enter = ["nsenter", f"--target={self._leader()}", "--all", "--root", "--wd"]
        environment = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        if "TERM" in os.environ:
            environment.append(f"TERM={os.environ['TERM']}")
        return [*enter, "--", "/usr/bin/env", "-i", *environment, *argv]

    def exec(
        self,
        argv: Sequence[str],
        stdin: str | None = None,
        check: bool = True,
        limit: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs argv inside, over no network, and waits for its end."""
        done = run(self.command(argv), stdin=stdin, check=False, limit=limit)
        if check and done.returncode:
            raise LabError(f"{self}: {failure(argv, done)}")
        return done


def _numbers(pid: int) -> list[str]:
    """The process's number in each pid namespace, from the outside in."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return line.split()[1:]
    return []
