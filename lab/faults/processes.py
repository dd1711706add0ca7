"""What happens to the tool's own process, and to the programs that it started."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from lab.faults.stage import Scenario, Stage, Unmet
from lab.kill_at import CLOCK
from lab.machine import Machine
from lab.shell import wait_until

_PAUSE = 30.0
_HUNT = """
import glob, os, select, sys
print("hunting", flush=True)
while not select.select([sys.stdin], [], [], 0.002)[0]:
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(path) as file:
                known = file.read().strip() == sys.argv[1]
            if known:
                os.kill(int(path.split("/")[2]), 9)
                print(path, flush=True)
                sys.exit()
        except OSError:
            pass
"""


def signalled(*names: str) -> Scenario:
    """The tool gets these signals, at once one after the other."""

    def scenario(stage: Stage) -> Iterator[None]:
        for name in names:
            stage.tool.signal(name)
        yield

    return scenario


def stopped(stage: Stage) -> Iterator[None]:
    """The tool stands still for a while, and what it started goes on."""
    stage.tool.signal("STOP")
    yield
    stage.tool.wait(_PAUSE)
    stage.tool.signal("CONT")


def clock_stepped(stage: Stage) -> Iterator[None]:
    """The tool reads an hour more from here on, and right again when it is run again."""
    stage.target.exec(("touch", CLOCK))
    yield


def killed(program: str) -> Scenario:
    """The first process of this name on the target is killed as soon as it is there."""

    def scenario(stage: Stage) -> Iterator[None]:
        with _hunted(stage.target, program) as hunter:
            yield
            wait_until(lambda: hunter.poll() is not None or not stage.tool.running(), program, 180)
            stage.over()
        if not (hunter.stdout and hunter.stdout.read().strip()):
            raise Unmet(f"no {program} was there to be killed")

    return scenario


@contextmanager
def _hunted(machine: Machine, program: str) -> Iterator[subprocess.Popen[str]]:
    hunter = subprocess.Popen(
        machine.command(("python3", "-c", _HUNT, program)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        # Else what it is after may be there and gone before it looks.
        if hunter.stdout:
            hunter.stdout.readline()
        yield hunter
    finally:
        # It ends by itself when its input does.
        if hunter.stdin:
            hunter.stdin.close()
        hunter.wait()


def every_ssh(stage: Stage) -> Iterator[None]:
    """All connections of the tool to the source are killed."""
    if stage.target.exec(("pkill", "-KILL", "-x", "ssh"), check=False).returncode:
        raise Unmet("no connection was there to be killed")
    yield


def tracker(stage: Stage) -> Iterator[None]:
    """What tells which paths change is killed on the source."""
    argv = ("systemctl", "kill", "--signal=KILL", "transhume-tracker.service")
    if stage.source.exec(argv, check=False).returncode:
        raise Unmet("nothing tells which paths change")
    yield
