"""Kills the tool at every change of the plan in turn: run again it ends alike, or it goes back."""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab import journal, scene
from lab.compare import Comparison, compare
from lab.kill_at import CLOCK, GO, HIT, MOMENTS, alike
from lab.pair import Pair
from lab.places import CHECKOUT
from lab.scene import Scene
from lab.shell import LabError, say
from lab.standing import Standing, standing

NAME = "kills"
RESULT = CHECKOUT / "build" / "kills.json"
_SCRIPT = "/root/kill_at.py"
_KILLED = -signal.SIGKILL
_MOST = 400


@dataclass
class Outcome:
    """What the campaign saw."""

    resumed: list[str] = field(default_factory=list)
    rolled_back: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def killed(run: Scene, moment: str, *words: str, passing: int = 0, only: str = "") -> str | None:
    """Run a command until it is killed at a change that wasn't hit yet; None when it ended well.

    With `only` it is killed at this change and no other.
    """
    argv = (*striking("kill", [(moment, only)], passing), *words)
    done = run.pair.target.exec(argv, check=False)
    if done.returncode == 0:
        return None
    # nsenter passes the signal on as a status of its own.
    if done.returncode not in (_KILLED, 128 + signal.SIGKILL):
        raise LabError(f"transhume {' '.join(words)} ended with {done.returncode}:\n{done.stderr}")
    return hit(run)[-1]


def striking(deed: str, wanted: Sequence[tuple[str, str]], passing: int = 0) -> tuple[str, ...]:
    """What stands for `transhume` in a command line, so that it is struck at these changes."""
    return ("/opt/transhume/bin/python", _SCRIPT, deed, str(passing), json.dumps(list(wanted)))


def hit(run: Scene) -> list[str]:
    """The changes that were hit so far, none while the machine is off."""
    if run.pair.target.leader() is None:
        return []
    lines = run.pair.target.exec(("cat", HIT), check=False).stdout.splitlines()
    return [line.partition(" ")[2] for line in lines]


def arm(run: Scene) -> None:
    """Put the killer on the target, with nothing hit."""
    text = (CHECKOUT / "lab" / "kill_at.py").read_text()
    script = f"cat > {_SCRIPT}; rm -f {HIT} {GO}* {CLOCK}"
    run.pair.target.exec(("sh", "-c", script), stdin=text)


def resume_campaign(run: Scene, moments: tuple[str, ...], passing: int = 0) -> Iterator[str]:
    """One move, killed once at each change, each time run again; yields the change.

    With `passing` so many changes are let by for each one that is hit.
    """
    chosen = iter(moments * _MOST)
    for words in (("sync",), ("cutover", "--yes"), ("verify",), ("finish",)):
        for _ in range(_MOST):
            change = killed(run, next(chosen), *words, passing=passing)
            if change is None:
                break
            say(f"killed at {change}; again")
            yield change
        else:
            raise LabError(f"transhume {words[0]} doesn't come to an end")


def rollback_campaign(
    run: Scene, before: Standing, sample: random.Random | None, count: int
) -> Iterator[tuple[str, list[str]]]:
    """Cutovers killed at one change each, then rolled back; yields what isn't as it was.

    The first one gets as far as it can: what it made of the plan is what others can be killed at.
    """
    last = cutover_changes(run)[-1]
    yield last, _killed_and_back(run, before, MOMENTS[0], last)
    changes = made(run, cutover_changes(run)[:-1])
    chosen = changes if sample is None else sample.sample(changes, min(count - 1, len(changes)))
    for number, change in enumerate(chosen, start=1):
        moment = MOMENTS[number % len(MOMENTS)]
        yield change, _killed_and_back(run, before, moment, change)


def _killed_and_back(run: Scene, before: Standing, moment: str, change: str) -> list[str]:
    arm(run)
    if killed(run, moment, "cutover", "--yes", only=change) is None:
        raise LabError(f"the cutover ended without coming by {change}")
    say(f"killed at {change} ({moment}); back")
    run.transhume("rollback")
    unlike = before.unlike(standing(run.pair.source))
    for item in unlike:
        say(f"not as it was: {item}")
    return unlike


def made(run: Scene, names: list[str]) -> list[str]:
    """Those of the plan's changes that the move has made: some are made where they are needed."""
    begun = {alike(each.name) for each in journal.events(run) if each.kind == "change-begun"}
    return [name for name in names if alike(name) in begun]


def cutover_changes(run: Scene) -> list[str]:
    """Every change of the plan before people are let in to the target, from the plan itself."""
    plan: dict[str, Any] = json.loads(run.transhume("plan", "--json").stdout)
    steps = plan["steps"]
    until = next(number for number, step in enumerate(steps) if _lets_in(step))
    return [
        f"{step['key']}: {change['title']}"
        for step in steps[:until]
        if step["phase"] in ("cutover", "after")
        for change in step["changes"]
    ]


def _lets_in(step: dict[str, Any]) -> bool:
    return any(change["back"]["kind"] in ("never", "carry") for change in step["changes"])


def campaign(run: Scene, sample: random.Random | None, count: int) -> Outcome:
    """First the ways back, then one move that is killed everywhere and still arrives."""
    outcome = Outcome()
    before = standing(run.pair.source)
    run.begin()
    arm(run)
    run.transhume("sync")
    for change, unlike in rollback_campaign(run, before, sample, count):
        outcome.rolled_back.append(change)
        outcome.differences += [f"after rollback at {change}: {item}" for item in unlike]
    run.transhume("rollback")
    arm(run)
    with run.traffic(rate=2.0) as (sent, _):
        outcome.resumed += list(resume_campaign(run, MOMENTS))
    recipient = run.filled["addresses"][0]
    result: Comparison = compare(run.pair.source, run.pair.target, log=sent, probe_to=recipient)
    outcome.differences += result.differences
    return outcome


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.kills", description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="ways back to try; 0: all")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--name", default=NAME, help="of the pair of machines")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    Pair(given.name).down()
    with Pair.up(given.name) as pair:
        run = scene.build(pair, partitions="small", messages=300, files=40, median_size=4000)
        sample = random.Random(given.seed) if given.sample else None
        outcome = campaign(run, sample, given.sample)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(vars(outcome), indent=2) + "\n")
    say(f"{len(outcome.resumed)} kills resumed, {len(outcome.rolled_back)} rolled back")
    for difference in outcome.differences:
        say(f"differs: {difference}")
    return 1 if outcome.differences else 0


if __name__ == "__main__":
    sys.exit(main())
