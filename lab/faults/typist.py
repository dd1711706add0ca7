"""Types a command until it ends well, strikes in it what is to be struck, and obeys it."""

from __future__ import annotations

import re
import time
from subprocess import CompletedProcess

from lab.faults.cells import Cell
from lab.faults.entry import AGAIN, WENT_ON, Entry
from lab.faults.stage import Broken, Stage, Unmet, held, strike
from lab.kill_at import alike
from lab.places import ROLES
from lab.scene import Scene

_TRIES = 3
_KILLED = (-9, 137)

Pending = list[tuple[Cell, Entry]]


class Typist:
    """Who moves a server and doesn't give up; past `until` nothing more is struck."""

    def __init__(self, run: Scene, until: float = float("inf")) -> None:
        self.run = run
        self._until = until
        self.last: Entry | None = None
        """What was struck last."""

    @property
    def late(self) -> bool:
        """Whether nothing more is struck."""
        return time.monotonic() > self._until

    def type(self, words: tuple[str, ...], pending: Pending) -> None:
        """Type it until it ends well; what was struck leaves `pending`, what it didn't meet stays.

        Each time that it doesn't end well it must say what is to be done.
        """
        idle = 0
        while idle < _TRIES:
            left = len(pending)
            done = self.once(words, pending)
            if not done.returncode:
                return
            idle = 0 if len(pending) < left else idle + 1
        raise Broken(f"transhume {' '.join(words)} doesn't end well: {_said(done)}")

    def once(self, words: tuple[str, ...], pending: Pending) -> CompletedProcess[str]:
        """Type it once, and do what it says."""
        struck: list[Entry] = []
        if pending and not self.late:
            with held(
                self.run, words, [(cell.moment, cell.change) for cell, _ in pending]
            ) as stage:
                self._strike(stage, pending, struck)
                done = stage.ended()
        else:
            done = self.run.pair.target.exec(("transhume", *words), check=False)
        if struck:
            struck[-1].outcome = AGAIN if done.returncode else WENT_ON
        for entry in struck:
            entry.runs += 1
            entry.said = _said(done)
        told(done)
        if done.returncode and done.returncode not in _KILLED:
            self._obey(_said(done))
        return done

    def _strike(self, stage: Stage, pending: Pending, struck: list[Entry]) -> None:
        """Strike wherever it comes by, until it has ended."""
        while (change := stage.come()) is not None:
            cell, entry = next(one for one in pending if alike(one[0].change) == alike(change))
            pending.remove((cell, entry))
            self.last = entry
            try:
                strike(stage, cell.fault.scenario)
            except Unmet as unmet:
                entry.said = str(unmet)
                continue
            if struck:
                # It came by here after the one before.
                struck[-1].outcome = WENT_ON
            struck.append(entry)

    def _obey(self, said: str) -> None:
        """Do what the message says is to be done first, where it names a command."""
        place = re.search(r"Next: on the (source|target): ", said)
        command = re.search(r"when it is down: (systemctl restart \S+)", said)
        if place and command:
            machine = self.run.pair.machines[ROLES.index("target") if place[1] == "target" else 0]
            machine.exec(("sh", "-c", f"pg_isready -q || {command[1]}"))
        elif "Next: transhume rollback" in said:
            self.type(("rollback",), [])


def told(done: CompletedProcess[str]) -> None:
    """A command that failed says what to type next, and never shows its own inside."""
    if done.returncode in (0, *_KILLED):
        return
    said = done.stderr
    if "Traceback" in said or "a mistake inside transhume" in said or "  Next: " not in said:
        raise Broken(f"it ended with {done.returncode} and said: {said.strip()}")


def _said(done: CompletedProcess[str]) -> str:
    return " ".join(done.stderr.split())
