"""Compares a pair's two machines: python -m lab.compare NAME; exit 0 if equal, 1 if not."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lab.compare import EXPECTED, Side, compare, observe
from lab.pair import Pair
from lab.places import ROLES


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.compare", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--copy", choices=ROLES, default="target")
    parser.add_argument("--log", type=Path, help="a sender's log")
    parser.add_argument("--probe-to", metavar="ADDRESS", help="deliver one message there as well")
    parser.add_argument("--expect", action="append", default=[], metavar="PATTERN")
    parser.add_argument(
        "--keep", type=Path, help="only look at the reference and keep what is seen"
    )
    parser.add_argument("--reference", type=Path, help="compare with what was kept")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    pair = Pair.open(given.name)
    source, target = pair.source, pair.target
    copy, other = (target, source) if given.copy == "target" else (source, target)
    if given.keep:
        observe(other).save(given.keep)
        return 0
    result = compare(
        Side.load(given.reference) if given.reference else other,
        copy,
        log=given.log,
        probe_to=given.probe_to,
        expected=(*EXPECTED, *given.expect),
    )
    sys.stdout.write(result.to_json() + "\n")
    return 0 if result.equal else 1


if __name__ == "__main__":
    sys.exit(main())
