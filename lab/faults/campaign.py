"""Plays one cell and judges it: what was typed after the fault, and what both servers hold then."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess

from lab.compare import EXPECTED, compare
from lab.faults.cells import WORDS, Cell
from lab.faults.look import holders, serving
from lab.faults.stage import Broken, Unmet, play
from lab.faults.stock import Stock
from lab.places import ROLES, Role
from lab.scene import Scene
from lab.shell import LabError
from lab.standing import standing
from lab.traffic import start_sender

RIGHT = ("went on", "finished when run again", "rolled back", "nothing had begun")
_TRIES = 3
_KILLED = (-9, 137)
# The source's own configuration stays as the switch has left it, and its queue has moved away.
_MOVED = ("cluster *", "tree /etc/*", "map *", "queue *")


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


def tried(stock: Stock, cell: Cell) -> Entry:
    """Play the cell on machines as they were before its phase."""
    began = time.monotonic()
    entry = Entry(cell.fault.name, cell.phase, "", 0, 0, source_intact=False)
    entry.way, entry.change, entry.moment, entry.key = cell.way, cell.change, cell.moment, cell.key
    run = stock.again(cell.phase)
    sent = run.folder / "sent.jsonl"
    try:
        with start_sender(stock.pair.name, sent, run.filled["addresses"], rate=2.0):
            _walk(run, cell, entry)
        _judge(stock, run, cell, entry, sent)
    except Unmet as unmet:
        entry.outcome, entry.said = "not met", str(unmet)
    except (Broken, LabError) as broken:
        entry.outcome = f"not as promised: {broken}"
    entry.seconds = round(time.monotonic() - began, 1)
    return entry


def _walk(run: Scene, cell: Cell, entry: Entry) -> None:
    """Strike, then type what this cell types."""
    done = play(run, WORDS[cell.phase], cell.change, cell.moment, cell.fault.scenario)
    entry.said = " ".join(done.stderr.split())
    _told(done)
    # What went through to its end has passed the point of no return.
    back = cell.way == "back" and (done.returncode or cell.phase in ("check", "sync"))
    if cell.phase == "check":
        entry.outcome = "nothing had begun"
        again(run, entry, "check")
    elif back:
        entry.outcome = "rolled back"
        again(run, entry, "rollback")
    else:
        entry.outcome = "finished when run again" if done.returncode else "went on"
        if done.returncode:
            again(run, entry, *WORDS[cell.phase])
        if cell.phase == "sync":
            again(run, entry, "cutover", "--yes")


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
        machine.exec(command[1].split())


def _told(done: CompletedProcess[str]) -> None:
    """A command that failed says what to type next, and never shows its own inside."""
    if done.returncode in (0, *_KILLED):
        return
    said = done.stderr
    if "Traceback" in said or "a mistake inside transhume" in said or "  Next: " not in said:
        raise Broken(f"it ended with {done.returncode} and said: {said.strip()}")


def _judge(stock: Stock, run: Scene, cell: Cell, entry: Entry, sent: Path) -> None:
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
        kept = compare(stock.side, run.pair.source, expected=(*EXPECTED, *_MOVED))
        _count(entry, copied.differences, copied.counts["accepted"])
    else:
        kept = compare(stock.side, run.pair.source, log=sent, probe_to=probe)
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
    entry.differences += differences
