"""Judges what a fault has left: what both servers hold, and who has the address."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.compare import EXPECTED, Comparison, compare
from lab.faults import files
from lab.faults.catalogue import FAULTS
from lab.faults.entry import BACK_AGAIN, Entry
from lab.faults.look import holders, serving
from lab.faults.stock import Stock
from lab.places import Role
from lab.scene import Scene
from lab.split_brain import driven
from lab.standing import Standing, looked, standing

# The source's own configuration stays as the switch has left it, and its queue has moved away.
_MOVED = ("cluster *", "tree /etc/*", "map *", "queue *")
_PASSING = ("firewall", "sysctl")
"""What of a machine lasts until it is started anew."""
_OWN = (*EXPECTED, f"tree {files.FILE}*: extra")
"""What a scenario itself has put on the source."""


def back(stock: Stock, run: Scene, entries: Sequence[Entry], sent: Path) -> None:
    """The source after its move was taken back; `sent` also has what was accepted before."""
    probe = run.filled["addresses"][0]
    stands = stock.before.unlike(standing(run.pair.source))
    kept = compare(stock.side, run.pair.source, log=sent, probe_to=probe, expected=_OWN)
    # Before the switch the target may run as its wizard has left it; nobody is led there.
    differences = stands + _alone(holders(run), serving(run)[:1], "source") + _strangers(run)
    differences += [f"source: {each}" for each in kept.differences]
    for entry in entries:
        entry.outcome = BACK_AGAIN
    _judged(entries, kept, differences, _intact(stands + kept.differences))


def moved(stock: Stock, run: Scene, entries: Sequence[Entry], sent: Path) -> None:
    """Both machines after a move that has arrived; one verdict for all that was struck in it."""
    differences = _alone(holders(run), serving(run), "target") + _strangers(run)
    differences += _unlike(stock, run, entries)
    probe = run.filled["addresses"][0]
    copied = compare(run.pair.source, run.pair.target, log=sent, probe_to=probe)
    kept = compare(stock.side, run.pair.source, expected=(*_OWN, *_MOVED))
    differences += copied.differences + [f"source: {each}" for each in kept.differences]
    _judged(entries, copied, differences, _intact(kept.differences))


def _unlike(stock: Stock, run: Scene, entries: Sequence[Entry]) -> list[str]:
    """What isn't on the machines as an undisturbed move, ended by `finish`, has left it."""
    struck = {entry.fault for entry in entries}
    anew = {fault.restarts for fault in FAULTS if fault.name in struck}
    return [
        f"unlike an undisturbed move: {machine.role} {each}"
        for machine in run.pair.machines
        if machine.role in stock.after
        for each in _named(stock.after[machine.role]).unlike(
            _named(looked(machine)), *(_PASSING if machine.role in anew else ())
        )
    ]


def _named(stood: Standing) -> Standing:
    """Of the files in /etc the names: what moves of them is compared, and some have a date."""
    names = [line.partition("  ")[2] for line in stood.seen["etc"]]
    return Standing({**stood.seen, "etc": names})


def _alone(held: list[Role], served: list[Role], wanted: Role) -> list[str]:
    found = {"the address is held by": held, "mail is served by": served}
    return [f"{what} {roles}" for what, roles in found.items() if roles != [wanted]]


def _strangers(run: Scene) -> list[str]:
    """A machine whose node did what another machine's core said."""
    times = {machine.role: driven(machine) for machine in run.pair.machines}
    return [f"the {role} was driven {count} times" for role, count in times.items() if count]


def _judged(
    entries: Sequence[Entry], found: Comparison, differences: list[str], intact: bool
) -> None:
    """One verdict for all; the messages are the last one's, since they are the same."""
    lost = [each for each in found.differences if each.startswith("message ")]
    for entry in entries:
        entry.messages_missing = sum(each.endswith(": missing") for each in lost)
        entry.messages_doubled = sum(each.endswith(": doubled") for each in lost)
        entry.differences += differences
        entry.source_intact = intact
    entries[-1].messages = found.counts["accepted"]
    entries[-1].messages_repeated = found.counts["doubled rightly"]


def _intact(differences: list[str]) -> bool:
    return all(each.startswith("message ") for each in differences)
