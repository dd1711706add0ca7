"""What proving a tree costs: time and peak memory, against rsync -n and rsync -nc."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lab.bench.memory import watched
from lab.places import CHECKOUT
from lab.shell import say
from transhume.agent import program
from transhume.core.host import Pair as Hosts
from transhume.hosts.process import Processes
from transhume.steps.manifest import Tree
from transhume.steps.tree_proof import prove_trees

RESULT = CHECKOUT / "build" / "measure.json"
_BODY = b"x" * 300
_RSYNC = ("rsync", "-aHAXSn", "--delete", "--modify-window=-1", "--itemize-changes")


@dataclass(frozen=True)
class Cost:
    """What one way took: `memory` is the peak of all its processes together, in MiB."""

    what: str
    seconds: float
    memory: float
    said: str = ""


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
    with watched({"all": lambda parents: [os.getpid()]}) as peaks:
        began = time.monotonic()
        said = act()
        seconds = time.monotonic() - began
    say(f"{what}: {seconds:.1f} s, {peaks['all']:.0f} MiB {said}")
    return Cost(what, round(seconds, 2), round(peaks["all"], 1), said)


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


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.measure", description=__doc__)
    parser.add_argument("--files", type=int, default=200_000, help="of a tree on this machine")
    parser.add_argument("--folder", type=Path, help="where the trees are made (default: TMPDIR)")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    with TemporaryDirectory(dir=given.folder) as folder:
        costs = trees(given.files, Path(folder))
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps([asdict(cost) for cost in costs], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
