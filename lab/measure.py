"""What proving costs: time and peak memory, against rsync -n, rsync -nc and a plain count(*)."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lab import network
from lab.machine import Machine
from lab.pair import Pair
from lab.places import CHECKOUT
from lab.shell import say
from transhume.agent import program
from transhume.core.host import Pair as Hosts
from transhume.hosts.process import Processes
from transhume.steps.manifest import Tree
from transhume.steps.tree_proof import prove_trees

RESULT = CHECKOUT / "build" / "measure.json"
_SAMPLE_SECONDS = 0.2
_OWN = os.getpid()
_BODY = b"x" * 300
_RSYNC = ("rsync", "-aHAXSn", "--delete", "--modify-window=-1", "--itemize-changes")


@dataclass(frozen=True)
class Cost:
    """What one way took: `memory` is the peak of all its processes together, in MiB."""

    what: str
    seconds: float
    memory: float
    said: str = ""


# --- on this machine: trees alone


class _Here:
    """A machine whose tree is a folder of this one."""

    def __init__(self, top: Path) -> None:
        self._top = str(top)

    def agent(self, name: str, *arguments: str, stdin: bytes = b"") -> Iterator[bytes]:
        wanted = json.loads(stdin)
        for tree in wanted["trees"]:
            tree["path"] = self._top
        text, spec = program(name), json.dumps(wanted).encode()
        boot = f"import sys; exec(sys.stdin.buffer.read({len(text)}))"
        return Processes().lines((sys.executable, "-c", boot, *arguments), text + spec)


def fill(top: Path, files: int) -> None:
    """So many small files in 256 folders, named as bodies are."""
    for number in range(256):
        (top / "by_hash" / f"{number >> 4:x}" / f"{number & 15:x}").mkdir(parents=True)
    for number in range(files):
        name = hashlib.sha1(b"%d" % number).hexdigest()
        (top / "by_hash" / name[0] / name[1] / f"{name}.zst").write_bytes(_BODY)


def measured(what: str, act: Callable[[], str]) -> Cost:
    """Do it, with an eye on the memory of this process and all that it starts."""
    done, peak = threading.Event(), [0.0]

    def watch() -> None:
        while not done.wait(_SAMPLE_SECONDS):
            peak[0] = max(peak[0], _family_mib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    try:
        said = act()
    finally:
        seconds = time.monotonic() - began
        done.set()
        watcher.join()
    say(f"{what}: {seconds:.1f} s, {peak[0]:.0f} MiB {said}")
    return Cost(what, round(seconds, 2), round(peak[0], 1), said)


def _family_mib() -> float:
    """The memory of this process and its descendants; what they share counts once."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[int(folder.name)] = int(fields[1])
    family = {_OWN}
    while grown := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= grown
    return sum(map(_shared_kib, family)) / 1024


def _shared_kib(pid: int) -> int:
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return 0


def _prove(source: Path, target: Path, full: bool) -> str:
    hosts: Any = Hosts(_Here(source), _Here(target))  # type: ignore[arg-type]
    (proof,) = prove_trees(hosts, [Tree("/", contents="bytes" if full else "")])
    return f"{proof.equal:,} of {proof.compared:,} equal"


def _rsync(source: Path, target: Path, *options: str) -> str:
    argv = (*_RSYNC, *options, f"{source}/", f"{target}/")
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return f"{len(done.stdout.splitlines())} lines"


def trees(files: int, folder: Path) -> list[Cost]:
    """Prove a tree of so many files against its copy, both on this machine."""
    source, target = folder / "source", folder / "target"
    say(f"making {files:,} files, twice")
    fill(source, files)
    subprocess.run(("cp", "-a", source, target), check=True)
    ways: list[tuple[str, Callable[[], str]]] = [
        ("rsync -n", lambda: _rsync(source, target)),
        ("the proof", lambda: _prove(source, target, False)),
        ("rsync -nc", lambda: _rsync(source, target, "--checksum")),
        ("the proof, every byte", lambda: _prove(source, target, True)),
    ]
    # Once unmeasured, so that nobody pays for reading what the others then find in memory.
    _prove(source, target, True)
    return [measured(what, act) for what, act in ways]


# --- in a pair that was moved: everything

_INSIDE = """
import json, resource, subprocess, sys, time
began = time.monotonic()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([time.monotonic() - began, peak / 1024, done.returncode]))
"""
_COUNT = (
    'for base in bj bj-data; do runuser -u postgres -- psql -XqAt -d $base -c "select '
    "format('select count(*) from %I.%I', n.nspname, c.relname) from pg_class c join pg_namespace "
    "n on n.oid = c.relnamespace where c.relkind in ('r', 'm') and n.nspname not like 'pg_%'\" | "
    "sed 's/$/;/' | runuser -u postgres -- psql -XqAt -d $base; done"
)


def inside(machine: Machine, what: str, *argv: str) -> Cost:
    """Run it there; the memory is that of its largest process."""
    done = machine.exec(("python3", "-c", _INSIDE, *argv))
    seconds, memory, status = json.loads(done.stdout)
    say(f"{what}: {seconds:.1f} s, {memory:.0f} MiB, status {status}")
    return Cost(what, round(seconds, 2), round(memory, 1), f"status {status}")


def moved(pair: Pair) -> list[Cost]:
    """Everything that verify and check do on a moved pair, and what else would be typed."""
    shell = "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    there = f"root@{network.MAINTENANCE.ipv4}:/var/spool/cyrus/"
    rsync = (*_RSYNC, f"--rsh={shell}")
    ends = (there, "/var/spool/cyrus/")
    target = pair.target
    return [
        inside(target, "rsync -n of the mail", *rsync, *ends),
        inside(target, "rsync -nc of the mail", *rsync, "--checksum", *ends),
        inside(target, "count(*) of every table", "sh", "-c", _COUNT),
        inside(target, "transhume verify", "transhume", "verify"),
        inside(target, "transhume verify --full", "transhume", "verify", "--full"),
    ]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.measure", description=__doc__)
    parser.add_argument("--files", type=int, default=200_000, help="of a tree on this machine")
    parser.add_argument("--pair", help="a pair that was moved, instead")
    parser.add_argument("--folder", type=Path, help="where the trees are made (default: TMPDIR)")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    if given.pair:
        costs = moved(Pair.open(given.pair))
    else:
        with TemporaryDirectory(dir=given.folder) as folder:
            costs = trees(given.files, Path(folder))
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps([asdict(cost) for cost in costs], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
