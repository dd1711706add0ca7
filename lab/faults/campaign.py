"""Plays what shares a pair of machines: one move that arrives, or ways back one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from lab.faults import judge
from lab.faults.catalogue import FAULTS, KILL
from lab.faults.cells import Cell
from lab.faults.entry import BROKEN, Entry, begun
from lab.faults.phases import BACK, ROAD, WORDS
from lab.faults.sittings import Sitting
from lab.faults.stage import Broken
from lab.faults.stock import Stock
from lab.faults.typist import Pending, Typist
from lab.scene import Scene
from lab.shell import LabError
from lab.traffic import start_sender

Walk: TypeAlias = Callable[[Stock, Typist, Pending], None]
Verdict: TypeAlias = Callable[[Stock, Scene, Sequence[Entry], Path], None]
_CUTOVER, _VERIFY, _FINISH = (WORDS[phase] for phase in ("frozen", "verify", "finish"))


def tried(stock: Stock, sitting: Sitting, until: float = float("inf")) -> list[Entry]:
    """Play these cells on machines that are put back to what was saved; see `played`."""
    return played(stock, stock.again(hot=sitting.hot), sitting, until)


def played(stock: Stock, run: Scene, sitting: Sitting, until: float = float("inf")) -> list[Entry]:
    """Play these cells, and give what became of those whose turn came before `until`."""
    if sitting.onward:
        return _together(stock, Typist(run, until), sitting.cells, _arrive, judge.moved)
    if sitting.returning:
        return _together(stock, Typist(run, until), sitting.cells, _return, judge.back)
    entries: list[Entry] = []
    for cell in sitting.cells:
        if entries and time.monotonic() > until:
            break
        entry = begun(cell)
        arrived = _there_and_back(stock, Typist(run), cell, entry)
        # The log is of all of them: what one has left behind may be lost by another.
        entry.messages = max(0, entry.messages - sum(each.messages for each in entries))
        known = sum(each.messages_repeated for each in entries)
        entry.messages_repeated = max(0, entry.messages_repeated - known)
        entries.append(entry)
        if arrived or (entry.tried and not entry.right):
            break
    return entries


def _together(
    stock: Stock, typist: Typist, cells: list[Cell], walk: Walk, verdict: Verdict
) -> list[Entry]:
    """One move, or one way back, whatever is struck in it, and what it has left.

    What comes out wrong of several says nothing about any single one.
    """
    began = time.monotonic()
    pending: Pending = [(cell, begun(cell)) for cell in cells]
    entries = [entry for _, entry in pending]
    try:
        with _mail(typist.run) as sent:
            walk(stock, typist, pending)
        met = [entry for entry in entries if entry.tried]
        if met:
            verdict(stock, typist.run, met, sent)
    except (Broken, LabError) as broken:
        # Of those before it nothing is known yet: they are played again without it.
        entries = [typist.last or entries[0]]
        entries[0].outcome = f"{BROKEN}: {broken}"
    _share_time(entries, began)
    return [entry for entry in entries if entry.tried or not typist.late]


def _arrive(_: Stock, typist: Typist, pending: Pending) -> None:
    """A move that arrives, and is ended."""
    for words in ROAD:
        due = [one for one in pending if one[0].words == words]
        if due or words in (_CUTOVER, _VERIFY, _FINISH):
            typist.type(words, due)


def _return(stock: Stock, typist: Typist, pending: Pending) -> None:
    """A way back, from where as much was done as can be taken back."""
    if not _stopped(stock, Typist(typist.run), []):
        raise LabError(f"nothing came by {stock.last!r}: there was no way back to be struck")
    typist.type(WORDS[BACK], pending)


def _there_and_back(stock: Stock, typist: Typist, cell: Cell, entry: Entry) -> bool:
    """Disturb a move and take it back; whether it has arrived all the same."""
    began, arrived = time.monotonic(), False
    try:
        with _mail(typist.run) as sent:
            arrived = _turned(stock, typist, cell, entry)
        if arrived and entry.tried:
            judge.moved(stock, typist.run, [entry], sent)
        elif entry.tried:
            judge.back(stock, typist.run, [entry], sent)
    except (Broken, LabError) as broken:
        entry.outcome = f"{BROKEN}: {broken}"
    _share_time([entry], began)
    return arrived


def _turned(stock: Stock, typist: Typist, cell: Cell, entry: Entry) -> bool:
    """Strike, and type rollback; whether the move has arrived before."""
    struck: Pending = [(cell, entry)]
    if cell.phase == "sync":
        typist.once(cell.words, struck)
    elif not _stopped(stock, typist, struck):
        for words in (_VERIFY, _FINISH):
            typist.type(words, [])
        return True
    typist.type(WORDS[BACK], [])
    return False


def _stopped(stock: Stock, typist: Typist, struck: Pending) -> bool:
    """Disturb a cutover, and kill it where people would next be let in; False when they were."""
    (kill,) = (each for each in FAULTS if each.name == KILL)
    if stock.last not in {cell.change for cell, _ in struck}:
        end = Cell(kill, "frozen", stock.last, "begun", "back")
        struck = [*struck, (end, begun(end))]
    return bool(typist.once(_CUTOVER, struck).returncode)


@contextmanager
def _mail(run: Scene) -> Iterator[Path]:
    """People send mail all the time; gives the log of what was accepted."""
    with start_sender(run.pair.name, run.sent, run.filled["addresses"], rate=2.0):
        yield run.sent


def _share_time(entries: Sequence[Entry], began: float) -> None:
    for entry in entries:
        entry.seconds = round((time.monotonic() - began) / len(entries), 1)
