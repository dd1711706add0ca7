"""verify: one proof after the other, every difference kept, the first ones shown."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from transhume.core.finding import Proof, stopping
from transhume.core.tally import NAMED
from transhume.engine.state import fold
from transhume.errors import Differs
from transhume.profiles.bluemind import proof
from transhume.steps.services import Start
from transhume.ui import returning
from transhume.ui.layout import put, text
from transhume.ui.moving import Chosen, walking
from transhume.ui.session import Session, past
from transhume.ui.words import several, visible

KEPT = "differences.txt"
"""Every difference of the last comparison, beside the journal: a proof names only the first."""
_SHOWN = 100


class Kept:
    """Writes down each difference as it is found, one on a line; no file when there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Opened at the first one, and by nobody else: names of files and people stand in it.
        self._opened: list[int] = []
        self.told: Counter[str] = Counter()
        """How many were written down of each part."""

    def tell(self, part: str, said: str) -> None:
        """Write this one down."""
        if not self._opened:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            self._opened.append(os.open(self._path, flags, 0o600))
        os.write(self._opened[0], f"{visible(part)}: {visible(said)}\n".encode())
        self.told[part] += 1

    def add(self, proof: Proof) -> None:
        """Write down what a proof names whose differences weren't told while it was made."""
        if proof.part not in self.told:
            for said in (*proof.differing, *proof.notes):
                self.tell(proof.part, said)

    def close(self) -> None:
        """No more comes."""
        for descriptor in self._opened:
            with suppress(OSError):
                os.close(descriptor)


@contextmanager
def kept(folder: Path) -> Iterator[Kept]:
    """What keeps the differences of this comparison, and none of a former one."""
    path = folder / KEPT
    path.unlink(missing_ok=True)
    with closing(Kept(path)) as written:
        yield written


def prove(run: Session, console: Console, chosen: Chosen, full: bool, quiet: bool) -> list[Proof]:
    """Prove everything that can be proved now, shown as the proofs are made."""
    subject = proof.subject(run.layout, run.settings, run.pair, full=full, opened=_opened(run))
    proofs: list[Proof] = []
    shown = Console(file=sys.stderr, markup=False) if quiet else console
    with walking(run, "verify", shown, chosen) as engine, kept(run.folder) as told:
        for each in subject.proofs(run.pair, told.tell, engine.performer.notice):
            told.add(each)
            engine.journal.write("proved", step="verify", **asdict(each))
            proofs.append(each)
        engine.journal.write("verified", equal=bool(proofs) and not stopping(proofs))
        state = engine.journal.state
        if state.opened and not state.final:
            returning.look(run, engine)
    _show(shown, proofs, run.folder / KEPT, told.told)
    return proofs


def _show(console: Console, proofs: Sequence[Proof], path: Path, told: Mapping[str, int]) -> None:
    said = [f"{each.part}: {line}" for each in proofs for line in each.differing]
    for line in said[:_SHOWN]:
        put(console, text(line))
    whole = sum(_count(each, told.get(each.part, 0)) for each in proofs)
    more = whole - len(said[:_SHOWN])
    if more > 0:
        put(console, text(f"and {several(more, 'more difference')}, in {path}"))
    for note in [f"{each.part}: {line}" for each in proofs for line in each.notes][:_SHOWN]:
        put(console, text(f"noted: {note}"))


def _count(proof: Proof, told: int) -> int:
    """How many differences there are: of a table many rows, of many files only the first named."""
    # More notes may have been told than a proof holds.
    lines = told - len(proof.notes) if len(proof.notes) < NAMED else 0
    return max(proof.compared - proof.equal, len(proof.differing), lines)


def _opened(run: Session) -> float:
    """Since when the target may hold what the source doesn't; 0 before the switch.

    That is when its services were started: behind the closed door they write what is their own.
    """
    events = past(run.folder)
    returned = fold(events).opened_at
    if returned is None:
        return 0.0
    started = [
        event.at
        for event in events
        if event.kind == "step-begun" and event.data["step"] == Start.key and event.at < returned
    ]
    return started[-1] if started else returned


def refuse_differences(proofs: Sequence[Proof]) -> None:
    """Differs when anything isn't wholly equal."""
    stop = stopping(proofs)
    if stop:
        raise Differs(
            f"{len(stop)} of {len(proofs)} parts aren't equal: {stop[0]}",
            state="Nothing was changed.",
            remedy="before the switch: transhume sync; after it: transhume rollback, or mend it",
        )
