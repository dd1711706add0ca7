"""Damages a moved server in one way after the other: verify must name each, and nothing else."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

from lab import install, scene
from lab.damage import DAMAGES, MANY_ROWS, Damage
from lab.pair import Pair
from lab.places import CHECKOUT
from lab.scene import Scene
from lab.shell import LabError, say

NAME = "proof"
RESULT = CHECKOUT / "build" / "proof.json"
_NOTHING = Damage("nothing", "", "true", "true", full=True)
_UNEQUAL = 11
_MAIL_DATABASE = ("runuser", "-u", "postgres", "--", "psql", "-Xq", "-d", "bj-data")


@dataclass(frozen=True)
class Outcome:
    """What verify said: `named` is every difference, `other` those that aren't the damage's."""

    damage: str
    found: bool
    named: tuple[str, ...]
    other: tuple[str, ...]


def judged(damage: Damage, expected: str, said: tuple[str, ...], status: int) -> Outcome:
    """What is to be thought of these differences; `expected` must stand in each of them."""
    if status not in (0, _UNEQUAL) or (status == 0) != (not said):
        raise LabError(f"verify ended with {status} and named {len(said)} differences")
    own = [line for line in said if expected and expected in line]
    other = tuple(line for line in said if line not in own)
    return Outcome(damage.name, bool(own), said, other)


def differences(run: Scene, *, full: bool) -> tuple[tuple[str, ...], int]:
    """Every difference that verify names, with its part, and how it ended."""
    words = ("verify", "--json", *(("--full",) if full else ()))
    done = run.pair.target.exec(("transhume", *words), check=False)
    try:
        proofs: list[dict[str, Any]] = json.loads(done.stdout)["proofs"]
    except ValueError:
        raise LabError(f"verify ended with {done.returncode}: {done.stderr}") from None
    named = [
        f"{proof['part']}: {line}"
        for proof in proofs
        if not proof["whole"]
        for line in proof["differing"] or ("nothing to compare",)
    ]
    return tuple(named), done.returncode


def tried(run: Scene, damage: Damage) -> Outcome:
    """Do the damage, verify, and mend it again, whatever verify said.

    A damage that can't be done wasn't found: `other` says why.
    """
    target = run.pair.target
    done = target.exec(("sh", "-ec", f"{damage.find}\n{damage.hurt}"), check=False)
    if done.returncode:
        return Outcome(damage.name, False, (), (f"couldn't be done: {done.stderr.strip()}",))
    try:
        said, status = differences(run, full=damage.full)
    finally:
        target.exec(("sh", "-ec", f"{damage.find}\n{damage.mend}"))
    return judged(damage, done.stdout.strip(), said, status)


def moved(pair: Pair, tag: str, messages: int) -> Scene:
    """A pair whose move is over but for `finish`; kept under the tag to be had again."""
    run = scene.build(pair, partitions="small", messages=messages, files=40)
    pair.source.exec((*_MAIL_DATABASE, "-c", MANY_ROWS))
    run.begin()
    for words in (("sync",), ("cutover", "--yes")):
        say(f"transhume {' '.join(words)}")
        run.transhume(*words)
    pair.save(tag)
    return run


def show(outcomes: list[Outcome]) -> None:
    """The table: each damage, and what was named."""
    for outcome in outcomes:
        verdict = "found" if outcome.found else "NOT FOUND"
        if outcome.damage == _NOTHING.name:
            verdict = "none" if not outcome.named else "NAMED"
        first = outcome.other[:1] or outcome.named[:1] or ("",)
        sys.stdout.write(f"{outcome.damage:<40} {verdict:<10} {first[0][:100]}\n")


def write(outcomes: list[Outcome]) -> None:
    """build/proof.json, as far as it is known."""
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=2) + "\n")


def right(outcome: Outcome) -> bool:
    """Whether verify named this damage and nothing else."""
    wanted = outcome.damage != _NOTHING.name
    return outcome.found is wanted and not outcome.other


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.proof", description=__doc__)
    parser.add_argument("--name", default=NAME, help="of the pair of machines")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--only", default="", help="damages whose name holds this")
    parser.add_argument("--moved", metavar="TAG", default="", help="a pair that was moved earlier")
    return parser.parse_args()


def pair_for(given: argparse.Namespace) -> Pair:
    """Made from what was saved earlier, or new."""
    Pair(given.name).down()
    if given.moved:
        pair = Pair.from_saved(given.name, given.moved)
        install.tool(pair.target.root, pair.shape.target)
        return pair
    return Pair.up(given.name)


def main() -> int:
    given = arguments()
    chosen = [each for each in (_NOTHING, *DAMAGES) if given.only in each.name]
    tag = f"{given.name}moved"
    with pair_for(given) as pair:
        run = Scene(pair, {}) if given.moved else moved(pair, tag, given.messages)
        outcomes = []
        for damage in chosen:
            say(damage.name)
            outcomes.append(tried(run, damage))
            write(outcomes)
    show(outcomes)
    return 0 if all(map(right, outcomes)) else 1


if __name__ == "__main__":
    sys.exit(main())
