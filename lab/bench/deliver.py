"""Delivers so many messages as fast as they are taken: python -m lab.bench.deliver (see --help).

It runs in the outside world, as a large sender does: a few sessions, many messages in each. Prints
as JSON when it began and ended, in seconds since the epoch, and how many were accepted.
"""

from __future__ import annotations

import argparse
import json
import smtplib
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.traffic.sender import SENDER, Letter

SESSIONS = 8
_TIMEOUT = 60.0


def deliver(address: str, letters: Sequence[Letter]) -> int:
    """Send these in one session; how many were accepted."""
    accepted = 0
    with smtplib.SMTP(address, 25, "sender.outside.example", _TIMEOUT) as session:
        for letter in letters:
            accepted += not session.sendmail(SENDER, [letter.recipient], letter.data())
    return accepted


def letters(run: str, number: int, people: Sequence[str]) -> list[Letter]:
    """So many, to one recipient after the other."""
    return [Letter(f"{run}-{at}@traffic.lab", people[at % len(people)]) for at in range(number)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.bench.deliver", description=__doc__)
    parser.add_argument("address")
    parser.add_argument("number", type=int)
    parser.add_argument("run", help="what makes this run's markers unique")
    parser.add_argument("recipients", type=Path, help="one address on each line")
    given = parser.parse_args()
    everything = letters(given.run, given.number, given.recipients.read_text().split())
    parts = [everything[at::SESSIONS] for at in range(SESSIONS)]
    begun = time.time()
    with ThreadPoolExecutor(SESSIONS) as pool:
        accepted = sum(pool.map(lambda part: deliver(given.address, part), parts))
    told = {"begun": begun, "ended": time.time(), "accepted": accepted}
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
