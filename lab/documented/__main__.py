"""Types the documented procedure on a pair: python -m lab.documented NAME; its account as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from lab.documented import favour
from lab.documented.procedure import PHASES, run
from lab.documented.typist import Typed
from lab.pair import Pair
from lab.places import named
from lab.shell import LabError, say


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.documented", description=__doc__)
    parser.add_argument("name", type=named)
    parser.add_argument("--from", dest="first", choices=PHASES, default=PHASES[0])
    parser.add_argument("--until", choices=PHASES, default=PHASES[-1])
    parser.add_argument("--output", type=Path, help="where to write the account (default: shown)")
    parser.add_argument(
        "--favour",
        action="store_true",
        help="first give the databases the page's password and stop telegraf on the target",
    )
    return parser.parse_args()


def summary(account: Iterable[Typed]) -> dict[str, float]:
    """Seconds for each part, over all that was typed once both were stopped."""
    parts: dict[str, float] = defaultdict(float)
    for each in account:
        if each.phase != "hot":
            parts[each.part] += each.seconds
    return dict(parts)


def main() -> int:
    given = arguments()
    wanted = PHASES[PHASES.index(given.first) : PHASES.index(given.until) + 1]
    try:
        pair = Pair.open(given.name)
        if given.favour:
            favour.usual_password(pair)
            favour.without_sessions(pair.target)
        account = run(pair, wanted)
    except LabError as error:
        say(f"documented: {error}")
        return 1
    text = json.dumps([asdict(each) for each in account], indent=1) + "\n"
    if given.output:
        given.output.write_text(text)
    else:
        sys.stdout.write(text)
    for part, seconds in summary(account).items():
        say(f"{part}: {seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
