"""Runs commands on the lab's own machine and waits for conditions, each with a limit."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# Started through a shell that ends at once, a command outlives whoever started it.
DETACHED = ["sh", "-c", '"$@" &', "sh"]


class LabError(Exception):
    """What went wrong, in one line for the person at the terminal."""


def run(
    argv: Sequence[str],
    *,
    stdin: str | None = None,
    check: bool = True,
    limit: float | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs to the end with both outputs captured; a failure says which command and why."""
    try:
        done = subprocess.run(
            argv, input=stdin or "", text=True, capture_output=True, timeout=limit, env=env, cwd=cwd
        )
    except FileNotFoundError as missing:
        raise LabError(f"{argv[0]} is not installed: python -m lab prepare") from missing
    except subprocess.TimeoutExpired as late:
        raise LabError(f"{' '.join(argv)}: no end after {limit:.0f} s") from late
    if check and done.returncode:
        raise LabError(failure(argv, done))
    return done


def failure(argv: Sequence[str], done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
    # Some commands only point at the place in their last line, and say what is wrong before it.
    said = " | ".join(line.strip() for line in lines[-3:])
    return f"{' '.join(argv)}: exit {done.returncode}: {said}"


def wait_until(condition: Callable[[], bool], what: str, limit: float) -> None:
    """Polls: what is waited for lies in another machine, and nothing there could wake us."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"{what}: not after {limit:.0f} s")
        time.sleep(0.05)


def say(text: str) -> None:
    """Progress for the person at the terminal; results go to standard output."""
    sys.stderr.write(text + "\n")
