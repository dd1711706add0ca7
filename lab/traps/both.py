"""Walks both ways into every trap, each from the same saved disks, and shows what came of it."""

from __future__ import annotations

from collections.abc import Iterable

from lab import places
from lab.pair import forget
from lab.scene import Scene
from lab.shell import say
from lab.traps import letter, moved
from lab.traps.catalogue import TRAPS
from lab.traps.trap import Address, Row, Run, Told, judge

TAG = "traps"
_WIDTH = 66


def rows(documented: dict[Address, Run], transhume: dict[Address, tuple[Run, Told]]) -> list[Row]:
    """The verdicts on all traps."""
    return [judge(trap, documented[trap.address], *transhume[trap.address]) for trap in TRAPS]


def walk(run: Scene) -> list[Row]:
    """The documented procedure once, transhume twice, each on the same two machines."""
    folder = places.instance(run.pair.name)
    run.pair.save(TAG)
    try:
        say("the documented procedure")
        taken, kept = letter.walk(run.pair, folder)
        say("transhume")
        run.pair.load(TAG)
        moved_taken = moved.walk(run, folder)
        say("transhume, at an address of its own")
        run.pair.load(TAG)
        moved_kept = moved.walk_at_its_own_address(run)
    finally:
        forget(TAG)
    return rows({"taken": taken, "kept": kept}, {"taken": moved_taken, "kept": moved_kept})


def table(found: Iterable[Row]) -> Iterable[str]:
    """One line for each trap, and what both have lost in it."""
    yield f"{'trap':<{_WIDTH}}{'documented procedure':<22}transhume"
    for row in found:
        what = f"{row.key}: {row.title}"
        yield f"{what[: _WIDTH - 1]:<{_WIDTH}}{row.documented:<22}{row.transhume} ({row.seen_by})"
        yield from (f"    lost {len(row.lost)}: {line[:120]}" for line in row.lost[:1])
        yield from (f"    transhume lost: {line[:120]}" for line in row.lost_by_transhume[:3])
