"""What `ps` would have shown on a machine while something went on there."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from lab.machine import Machine

_SAMPLER = """
import glob, select, sys
seen = set()
while not select.select([sys.stdin], [], [], 0.1)[0]:
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                seen.add(file.read().replace(b"\\0", b" "))
        except OSError:
            pass
sys.stdout.buffer.write(b"\\n".join(sorted(seen)))
"""


@contextmanager
def process_list(machine: Machine) -> Iterator[list[str]]:
    """Every command line that `ps` would have shown meanwhile, looked at ten times a second."""
    lines: list[str] = []
    sampler = subprocess.Popen(
        machine.command(("python3", "-c", _SAMPLER)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield lines
    finally:
        # It ends by itself when its input does: a signal would only end the way into the machine.
        out, _ = sampler.communicate()
        lines += out.decode(errors="replace").splitlines()
