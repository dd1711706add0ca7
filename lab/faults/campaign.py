"""Plays one cell and judges it: what was typed after the fault, and what both servers hold then."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess

from lab.compare import EXPECTED, compare
from lab.faults import files
from lab.faults.cells import WORDS, Cell
from lab.faults.look import holders, serving
from lab.faults.stage import Broken, Passed, Unmet, play
from lab.faults.stock import Stock
from lab.places import ROLES, Role
from lab.scene import Scene
from lab.shell import LabError
from lab.standing import standing
from lab.traffic import start_sender

RIGHT = ("went on", "finished when run again", "rolled back", "nothing had begun")
UNMET = "not met"
PASSED = "came too late"
"""The move was over before its turn: it isn't kept, and its turn comes again."""
_TRIES = 3
_KILLED = (-9, 137)
# The source's own configuration stays as the switch has left it, and its queue has moved away.
_MOVED = ("cluster *", "tree /etc/*", "map *", "queue *")
_OWN = (*EXPECTED, f"tree {files.FILE}*: extra")
"""What a scenario itself has put on the source."""


@dataclass
class Entry:
    """What became of one cell; the messages are those that were accepted while it was played."""

    fault: str
    phase: str
    outcome: str
    messages_missing: int
    messages_doubled: int
    source_intact: bool
    way: str = ""
    change: str = ""
    moment: str = ""
    runs: int = 0
    seconds: float = 0.0
    messages: int = 0
    said: str = ""
    differences: list[str] = field(default_factory=list)
    key: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Whether every promise held."""
        lost = self.messages_missing or self.messages_doubled
        return self.outcome in RIGHT and self.source_intact and not lost and not self.differences


def tried(stock: Stock, company: Sequence[Cell]) -> list[Entry]:
    """Play these cells on machines as they were before the first one's phase.

    Several are struck one after the other in a single move that always goes on, and judged once,
    for all of them: what comes out wrong then says nothing about any single one.
    """
    began = time.monotonic()
    entries = [begun(cell) for cell in company]
    run = stock.again(company[0].phase)
    sent = run.folder / "sent.jsonl"
    try:
        with start_sender(stock.pair.name, sent, run.filled["addresses"], rate=2.0):
            _walk(run, company, entries)
        entries = [entry for entry in entries if entry.outcome != PASSED]
        met = [entry for entry in entries if entry.outcome != UNMET]
        if met:
            _judge(stock, run, met[-1], sent)
            _share(met)
    except (Broken, LabError) as broken:
        for entry in entries:
            entry.outcome = f"not as promised: {broken}"
    for entry in entries:
        entry.seconds = round((time.monotonic() - began) / len(entries), 1)
    return entries


def begun(cell: Cell) -> Entry:
    """What is known of a cell before it is played."""
    entry = Entry(cell.fault.name, cell.phase, UNMET, 0, 0, source_intact=False)
    entry.way, entry.change, entry.moment, entry.key = cell.way, cell.change, cell.moment, cell.key
    return entry


def _walk(run: Scene, company: Sequence[Cell], entries: Sequence[Entry]) -> None:
    """Strike, type what is typed after it, and strike the next one."""
    over = False
    for cell, entry in zip(company, entries, strict=True):
        if over:
            entry.outcome = PASSED
        else:
            over = _strike(run, cell, entry)
    if any(entry.outcome not in (UNMET, PASSED) for entry in entries):
        _end(run, company[-1], entries[-1])


def _strike(run: Scene, cell: Cell, entry: Entry) -> bool:
    """Play one cell; whether the command came to its end all the same."""
    try:
        done = play(run, WORDS[cell.phase], cell.change, cell.moment, cell.fault.scenario)
    except Unmet as unmet:
        entry.said = str(unmet)
        return isinstance(unmet, Passed)
    entry.said = " ".join(done.stderr.split())
    _told(done)
    _obey(run, entry.said)
    entry.outcome = _outcome(cell, done.returncode)
    return not done.returncode


def _outcome(cell: Cell, status: int) -> str:
    if cell.phase == "check":
        return "nothing had begun"
    # What went through to its end has passed the point of no return.
    if cell.way == "back" and (status or cell.phase == "sync"):
        return "rolled back"
    return "finished when run again" if status else "went on"


def _end(run: Scene, last: Cell, entry: Entry) -> None:
    """Type what leads to the end of the move, or back to its beginning."""
    if entry.outcome == "rolled back":
        again(run, entry, "rollback")
        return
    again(run, entry, *WORDS[last.phase])
    if last.phase == "sync":
        again(run, entry, "cutover", "--yes")


def _share(entries: Sequence[Entry]) -> None:
    """All that were struck in one move have the end of it in common."""
    judged = entries[-1]
    for entry in entries[:-1]:
        entry.source_intact = judged.source_intact
        entry.differences = judged.differences
        entry.messages_missing = judged.messages_missing
        entry.messages_doubled = judged.messages_doubled


def again(run: Scene, entry: Entry, *words: str) -> None:
    """Type it until it ends well; each time that it doesn't it must say what is to be done."""
    for _ in range(_TRIES):
        entry.runs += 1
        done = run.pair.target.exec(("transhume", *words), check=False)
        _told(done)
        if not done.returncode:
            return
        entry.said = " ".join(done.stderr.split())
        _obey(run, entry.said)
    raise Broken(f"transhume {' '.join(words)} doesn't end well: {entry.said}")


def _obey(run: Scene, said: str) -> None:
    """Do what the message says is to be done, where it names a command for one of the machines."""
    place = re.search(r"Next: on the (source|target): ", said)
    command = re.search(r"when it is down: (systemctl restart \S+)", said)
    if place and command:
        machine = run.pair.machines[ROLES.index("source" if place[1] == "source" else "target")]
        machine.exec(("sh", "-c", f"pg_isready -q || {command[1]}"))


def _told(done: CompletedProcess[str]) -> None:
    """A command that failed says what to type next, and never shows its own inside."""
    if done.returncode in (0, *_KILLED):
        return
    said = done.stderr
    if "Traceback" in said or "a mistake inside transhume" in said or "  Next: " not in said:
        raise Broken(f"it ended with {done.returncode} and said: {said.strip()}")


def _judge(stock: Stock, run: Scene, entry: Entry, sent: Path) -> None:
    """Compare with what was there before, and with what the sender was told."""
    moved = entry.outcome in RIGHT[:2]
    wanted: list[Role] = ["target"] if moved else ["source"]
    if not moved:
        entry.differences += stock.before.unlike(standing(run.pair.source))
    if holders(run) != wanted:
        entry.differences.append(f"the address is held by {holders(run)}")
    # Before the switch the target may run as its wizard has left it; nobody is led there.
    if (serving(run) if moved else serving(run)[:1]) != wanted:
        entry.differences.append(f"mail is served by {serving(run)}")
    probe = run.filled["addresses"][0]
    if moved:
        copied = compare(run.pair.source, run.pair.target, log=sent, probe_to=probe)
        kept = compare(stock.side, run.pair.source, expected=(*_OWN, *_MOVED))
        _count(entry, copied.differences, copied.counts["accepted"])
        entry.differences += copied.differences
    else:
        kept = compare(stock.side, run.pair.source, log=sent, probe_to=probe, expected=_OWN)
        _count(entry, kept.differences, kept.counts["accepted"])
    entry.differences += [f"source: {each}" for each in kept.differences]
    entry.source_intact = not any(
        each for each in kept.differences if not each.startswith("message ")
    ) and (moved or not entry.differences)


def _count(entry: Entry, differences: list[str], accepted: int) -> None:
    entry.messages = accepted
    lost = [each for each in differences if each.startswith("message ")]
    entry.messages_missing = sum(each.endswith(": missing") for each in lost)
    entry.messages_doubled = sum(each.endswith(": doubled") for each in lost)
