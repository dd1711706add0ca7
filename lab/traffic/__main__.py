"""What runs in the outside world: python -m lab.traffic send|probe|one (see --help)."""

from __future__ import annotations

import argparse
import ctypes
import signal
import sys
import threading
from pathlib import Path

from lab import network
from lab.traffic import prober, sender

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Stop too when whoever started this process dies: nothing may outlive a broken test."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _stopping() -> threading.Event:
    event = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: event.set())
    return event


def send(given: argparse.Namespace) -> int:
    people = given.recipients.read_text().split()
    at_work = sender.Sender(
        given.address, people, sender.Log(given.log), given.rate, given.run, stopping=_stopping()
    )
    return 1 if at_work.serve(given.patience) else 0


def probe(given: argparse.Namespace) -> int:
    prober.probe(given.log, given.address, given.every, _stopping())
    return 0


def one(given: argparse.Namespace) -> int:
    outcome, answer = sender.attempt(given.address, sender.Letter(given.marker, given.recipient))
    sys.stdout.write(f"{outcome}: {answer}\n")
    return 0 if outcome == "accepted" else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.traffic")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("send", help="send mail until stopped")
    command.set_defaults(work=send)
    command.add_argument("--log", type=Path, required=True)
    command.add_argument("--recipients", type=Path, required=True, help="one address on each line")
    command.add_argument("--rate", type=float, default=5.0, help="new messages a second")
    command.add_argument("--address", default=network.SERVICE.ipv4)
    command.add_argument("--patience", type=float, default=60.0, help="seconds to retry at the end")
    command.add_argument("--run", required=True, help="what makes this run's markers unique")
    command = commands.add_parser("probe", help="look at the services until stopped")
    command.set_defaults(work=probe)
    command.add_argument("--log", type=Path, required=True)
    command.add_argument("--address", default=network.SERVICE.ipv4)
    command.add_argument("--every", type=float, default=0.2)
    command = commands.add_parser("one", help="send one message, once")
    command.set_defaults(work=one)
    command.add_argument("marker")
    command.add_argument("recipient")
    command.add_argument("address")
    return parser.parse_args()


def main() -> int:
    end_with_parent()
    given = arguments()
    result: int = given.work(given)
    return result


if __name__ == "__main__":
    sys.exit(main())
