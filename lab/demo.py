"""The demo: a live server moves from one distribution to another, mail flowing, nothing lost."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from lab import scene
from lab.compare import Comparison, compare
from lab.pair import Pair
from lab.places import CHECKOUT
from lab.scene import Scene
from lab.shell import LabError, say
from lab.traffic import downtime

NAME = "demo"
RESULT = CHECKOUT / "build" / "demo"


def typed(run: Scene, *words: str) -> str:
    """Type a command as a user would, and show it with what it prints."""
    say(f"# transhume {' '.join(words)}")
    return run.transhume(*words, heard=scene.echo).stdout


def move(run: Scene) -> tuple[Comparison, dict[str, Any]]:
    """The whole life of a move, from init to finish, and the independent comparison after it."""
    say("# transhume init")
    run.begin()
    with run.traffic() as (sent, probed):
        typed(run, "check")
        typed(run, "plan")
        plan = json.loads(run.transhume("plan", "--json").stdout)
        typed(run, "sync")
        typed(run, "cutover", "--yes")
        typed(run, "verify")
        typed(run, "finish")
    say("comparing both machines, by rows, files and mailboxes, without transhume")
    recipient = run.filled["addresses"][0]
    result = compare(run.pair.source, run.pair.target, log=sent, probe_to=recipient)
    outages = {name: outage.longest for name, outage in downtime(probed).items()}
    return result, {"rows": rows(plan), "outages": outages}


def rows(plan: dict[str, Any]) -> list[int]:
    """The rows of the documented procedure that the plan's steps answer."""
    return sorted({row for step in plan["steps"] for row in step["rows"]})


def report(run: Scene, result: Comparison, seen: dict[str, Any]) -> dict[str, Any]:
    """What the demo found, for programs; the outage is the one that the prober saw."""
    machines = run.pair.shape
    lost = [line for line in result.differences if line.startswith("message ")]
    return {
        "moved": result.equal,
        "downtime_seconds": round(max(seen["outages"].values()), 2),
        "downtime_by_service": {name: round(value, 2) for name, value in seen["outages"].items()},
        "messages_accepted": result.counts["accepted"],
        "messages_missing": sum(": missing" in line for line in lost),
        "messages_doubled": sum(": doubled" in line for line in lost),
        "messages_filled": run.filled["messages"],
        "rows": seen["rows"],
        "source_release": machines.source,
        "target_release": machines.target,
        "compared": result.counts,
        "differences": result.differences,
        "expected_differences": result.expected,
    }


def keep(run: Scene, found: dict[str, Any]) -> None:
    """Put the report and the tool's own one where the user finds them."""
    RESULT.mkdir(parents=True, exist_ok=True)
    (RESULT / "report.json").write_text(json.dumps(found, indent=2) + "\n")
    run.transhume("report", "--output", "/root/report.html")
    page = run.pair.target.exec(("cat", "/root/report.html")).stdout
    (RESULT / "report.html").write_text(page)
    say(run.transhume("status").stdout)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.demo", description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--source", default="bullseye")
    parser.add_argument("--target", default="trixie")
    parser.add_argument("--name", default=NAME, help="of the pair of machines")
    parser.add_argument("--keep", action="store_true", help="leave the machines running")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    Pair(given.name).down()
    pair = Pair.up(given.name, source=given.source, target=given.target)
    try:
        run = scene.build(pair, partitions="full", messages=given.messages)
        result, seen = move(run)
        found = report(run, result, seen)
        keep(run, found)
    except LabError as error:
        say(f"demo: {error}")
        return 1
    finally:
        if not given.keep:
            pair.down()
    say(json.dumps({key: found[key] for key in list(found)[:10]}, indent=2))
    for difference in result.differences:
        say(f"differs: {difference}")
    say(f"report: {Path(RESULT / 'report.html')}")
    return 0 if result.equal and seen["rows"] == list(range(1, 22)) else 1


if __name__ == "__main__":
    sys.exit(main())
