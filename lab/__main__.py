"""The lab's command line: python -m lab up NAME, exec NAME target -- COMMAND, down NAME, …"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

from lab import cgroup, install, netconf, network, pair, places, prepare, roots
from lab.machine import Machine
from lab.pair import Pair, Shape
from lab.places import ROLES
from lab.shell import LabError, say

Handler = Callable[[argparse.Namespace], None]

POWER: dict[str, Callable[[Machine], None]] = {
    "boot": Machine.boot,
    "reboot": Machine.reboot,
    "poweroff": Machine.poweroff,
    "kill": Machine.kill,
}


def up(wanted: argparse.Namespace) -> None:
    if wanted.saved:
        Pair.from_saved(wanted.name, wanted.saved)
    else:
        Pair.up(
            wanted.name,
            wanted.source,
            wanted.target,
            netconf.manager(wanted.source_network),
            netconf.manager(wanted.target_network),
        )
    say(f"{wanted.name} is up: python -m lab shell {wanted.name} target")


def down(wanted: argparse.Namespace) -> None:
    Pair(wanted.name).down()


def execute(wanted: argparse.Namespace) -> None:
    """Hands the terminal over, so that pipes and the exit status are those of the command."""
    argv = wanted.argv[1:] if wanted.argv[:1] == ["--"] else wanted.argv
    command = _machine(wanted).command(argv or ["bash", "--login"])
    os.execvp(command[0], command)


def power(wanted: argparse.Namespace) -> None:
    POWER[wanted.act](_machine(wanted))


def cable(wanted: argparse.Namespace) -> None:
    machine = _machine(wanted)
    change = network.push if wanted.state == "up" else network.pull
    change(machine.name, machine.role)


def rate(wanted: argparse.Namespace) -> None:
    machine = _machine(wanted)
    network.limit(machine.name, machine.role, None if wanted.rate == "none" else wanted.rate)


def delay(wanted: argparse.Namespace) -> None:
    machine = _machine(wanted)
    network.lengthen(machine.name, machine.role, wanted.milliseconds or None)


def tool(wanted: argparse.Namespace) -> None:
    """Replaces the tool on the target by the checkout's present state."""
    made = Pair.open(wanted.name)
    install.tool(made.target.root, made.shape.target)


def save(wanted: argparse.Namespace) -> None:
    Pair.open(wanted.name).save(wanted.tag)


def load(wanted: argparse.Namespace) -> None:
    Pair.open(wanted.name).load(wanted.tag)


def forget(wanted: argparse.Namespace) -> None:
    pair.forget(wanted.tag)


def show(_: argparse.Namespace) -> None:
    for name in pair.names():
        made = Pair.open(name)
        hosts = ", ".join(
            f"{machine.role} {made.shape.release(machine.role)} "
            f"({made.shape.manager(machine.role)}) {'on' if machine.on() else 'off'}"
            for machine in made.machines
        )
        sys.stdout.write(f"{name}: {hosts}\n")
    for tag in pair.saved():
        sys.stdout.write(f"saved: {tag}\n")


def clean(wanted: argparse.Namespace) -> None:
    if places.INSTANCES.exists():
        for home in sorted(places.INSTANCES.iterdir()):
            Pair(home.name).down()
    shutil.rmtree(places.INSTANCES, ignore_errors=True)
    cgroup.leave()
    if wanted.saved:
        shutil.rmtree(places.SAVED, ignore_errors=True)
    if wanted.cache:
        shutil.rmtree(places.cache(), ignore_errors=True)


def build_roots(wanted: argparse.Namespace) -> None:
    build = functools.partial(roots.build, kind=wanted.kind)
    with ThreadPoolExecutor(max_workers=2) as pool:
        for image in pool.map(build, wanted.release):
            sys.stdout.write(f"{image}\n")


def make_ready(_: argparse.Namespace) -> None:
    prepare.prepare()


class Commands:
    """The parser of the command line, which each command is added to in a line or two."""

    def __init__(self) -> None:
        self.parser = argparse.ArgumentParser(
            prog="python -m lab", description="Two real machines on one."
        )
        self._commands = self.parser.add_subparsers(required=True, metavar="COMMAND")

    def add(self, name: str, handler: Handler, text: str) -> argparse.ArgumentParser:
        command = self._commands.add_parser(name, help=text, description=text)
        command.set_defaults(handler=handler)
        return command

    def pair(self, name: str, handler: Handler, text: str) -> argparse.ArgumentParser:
        command = self.add(name, handler, text)
        command.add_argument("name", metavar="NAME", type=places.named)
        return command

    def host(self, name: str, handler: Handler, text: str) -> argparse.ArgumentParser:
        command = self.pair(name, handler, text)
        command.add_argument("role", choices=ROLES)
        return command


def parser() -> argparse.ArgumentParser:
    commands = Commands()
    _pair_commands(commands)
    _host_commands(commands)
    _house_commands(commands)
    return commands.parser


def _pair_commands(commands: Commands) -> None:
    shape = Shape()
    making = commands.pair("up", up, "make and boot a source and a target")
    making.add_argument("--source", default=shape.source, choices=roots.RELEASES)
    making.add_argument("--target", default=shape.target, choices=roots.RELEASES)
    making.add_argument("--source-network", default=shape.source_network, metavar="MANAGER")
    making.add_argument("--target-network", default=shape.target_network, metavar="MANAGER")
    making.add_argument("--saved", metavar="TAG", help="start from saved disks instead")
    commands.pair("down", down, "take both down, and all that belongs to them")
    commands.pair("install", tool, "install the checkout's tool anew on the target")
    keeping = commands.pair("save", save, "keep both disks under a tag (restarts both)")
    keeping.add_argument("tag")
    loading = commands.pair("load", load, "put both back to the disks of a tag")
    loading.add_argument("tag")


def _host_commands(commands: Commands) -> None:
    running = commands.host("exec", execute, "run a command in a machine")
    running.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    commands.host("shell", execute, "open a shell in a machine").set_defaults(argv=[])
    for act in POWER:
        commands.host(act, power, f"{act} one machine").set_defaults(act=act)
    plugging = commands.host("cable", cable, "plug or pull a machine's cable")
    plugging.add_argument("state", choices=("up", "down"))
    limiting = commands.host("rate", rate, "limit a machine's traffic in both directions")
    lengthening = commands.host("delay", delay, "make a machine's cable long")
    lengthening.add_argument(
        "milliseconds", type=float, help="from it to the others and back; 0 for a short one"
    )
    limiting.add_argument("rate", help="as tc has it, such as 20mbit, or none")


def _house_commands(commands: Commands) -> None:
    commands.add("list", show, "what is up and what is saved")
    commands.add("forget", forget, "drop the disks of a tag").add_argument("tag")
    commands.add("prepare", make_ready, "install what the lab needs on this machine")
    cleaning = commands.add("clean", clean, "take everything down")
    cleaning.add_argument("--saved", action="store_true", help="drop the saved disks too")
    cleaning.add_argument("--cache", action="store_true", help="drop the built disks too")
    building = commands.add("roots", build_roots, "build the machines' disks into the cache")
    building.add_argument("release", nargs="*", default=list(roots.RELEASES))
    building.add_argument("--kind", choices=roots.KINDS, default="server")


def _machine(wanted: argparse.Namespace) -> Machine:
    return Machine(wanted.name, wanted.role)


def _stop(number: int, _: object) -> NoReturn:
    # Unwinds like Ctrl-C does, so that what was begun is taken down.
    raise SystemExit(128 + number)


def main() -> int:
    signal.signal(signal.SIGTERM, _stop)
    try:
        wanted = parser().parse_args()
        wanted.handler(wanted)
    except LabError as error:
        say(f"lab: {error}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())
