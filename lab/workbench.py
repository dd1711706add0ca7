"""Works on disks that no machine runs from, in a mount namespace that ends with the work."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from lab import disk, furnish, install, pair, roots
from lab.shell import LabError, say


def layer(image: str, release: str, kind: str) -> None:
    with disk.opened(Path(image)) as root:
        roots.LAYERS[roots.kind(kind)].make(root, release)
        disk.trim(root)


def identify(name: str) -> None:
    """Makes two fresh copies the source and the target of this pair."""
    made = pair.Pair.open(name)
    with disk.opened(made.source.image) as source, disk.opened(made.target.image) as target:
        furnish.machine(source, "source", made.shape.source_network)
        furnish.machine(target, "target", made.shape.target_network)
        furnish.trust(source, target)
        install.tool(target, made.shape.target)


TASKS: dict[str, Callable[..., None]] = {"layer": layer, "identify": identify}


def main(task: str, *arguments: str) -> int:
    try:
        TASKS[task](*arguments)
    except LabError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
