"""Events as the lines of a timeline, the same on a terminal and in a log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from transhume.core.event import Event
from transhume.core.finding import Proof
from transhume.ui.pace import Pace
from transhume.ui.shape import PartView, Rest, Status
from transhume.ui.view import proved
from transhume.ui.words import (
    clock,
    count,
    countdown,
    duration,
    line,
    offset,
    percent,
    size,
    size_of,
)

_LONG = 60.0
_NAMED = 3
NO_ESTIMATE = "no estimate yet"


@dataclass(frozen=True)
class Entry:
    """One line: what happened, how it is to be seen, and what it means for people."""

    what: str
    style: str = ""


def entry(status: Status, event: Event) -> Entry | None:
    """What the event says to a person, after the status took it in; most events say nothing."""
    teller = _TELLERS.get(event.kind)
    return teller(status, event.data) if teller else None


def service(status: Status, event: Event) -> str:
    """What the event means for people who use the server."""
    if event.kind == "down":
        return f"down since {clock(event.at)}"
    if event.kind == "up" and status.outages:
        last = status.outages[-1]
        return f"up again: {duration((last.ended or event.at) - last.began)} down"
    return ""


def stamp(status: Status, at: float) -> str:
    """The time of day, and the time since the command began."""
    began = status.walk.began if status.walk else at
    return f"{clock(at)}  {offset(max(0.0, at - began)):>8}"


def _title(status: Status, data: dict[str, Any]) -> str:
    key = str(data.get("step", ""))
    return line(status.steps[key].title if key in status.steps else key)


def _done(status: Status, data: dict[str, Any]) -> Entry:
    seconds = data.get("seconds") or 0.0
    return Entry(_title(status, data) + (f", {duration(seconds)}" if seconds >= _LONG else ""))


def _skipped(status: Status, data: dict[str, Any]) -> Entry:
    return Entry(f"holds already: {_title(status, data)}", "dim")


def _change_title(status: Status, data: dict[str, Any]) -> str:
    change = status.changes.get(data.get("change", -1))
    return line(change.title if change else "an unknown change")


def _failed(status: Status, data: dict[str, Any]) -> Entry:
    return Entry(f"failed: {_change_title(status, data)}", "bold red")


def _undone(status: Status, data: dict[str, Any]) -> Entry | None:
    if data.get("kept"):
        return None  # What stays as it is happens to nobody; the report lists it.
    return Entry(f"taken back: {_change_title(status, data)}")


def _proved(status: Status, data: dict[str, Any]) -> Entry:
    proof = proved(data)
    said = f"{line(proof.part)}, {proof_words(proof)}"
    return Entry(f"proved: {said}", "green") if proof.whole else Entry(said, "bold red")


def proof_words(proof: Proof) -> str:
    """What a proof compared; nothing compared is said as such."""
    unit = line(proof.unit)
    if not proof.compared:
        return f"nothing to compare ({unit})"
    said = f"{count(proof.equal)} of {count(proof.compared)} {unit} equal"
    said += f" ({percent(proof.equal, proof.compared)})"
    if not proof.whole:
        named = ", ".join(line(name) for name in proof.differing[:_NAMED])
        said += f": {count(proof.compared - proof.equal)} differ" + (f", {named}" if named else "")
    return said + (f"; {count(proof.since)} changed by people since" if proof.since else "")


def _rolled_back(status: Status, data: dict[str, Any]) -> Entry:
    return Entry(f"everything is taken back, in {duration(data.get('seconds') or 0.0)}", "bold")


def _ended(status: Status, data: dict[str, Any]) -> Entry | None:
    interrupted = data.get("outcome") == "interrupted"
    return (
        Entry("interrupted: run the same command again to go on", "yellow") if interrupted else None
    )


_TELLERS: dict[str, Callable[[Status, dict[str, Any]], Entry | None]] = {
    "step-done": _done,
    "step-skipped": _skipped,
    "change-failed": _failed,
    "undone": _undone,
    "proved": _proved,
    "rolled-back": _rolled_back,
    "walk-ended": _ended,
    "finished": lambda status, data: Entry("finished: the move is over", "bold"),
}


def amount(part: PartView) -> str:
    """How far a part is, in its unit; without a total when nobody knows it."""
    if part.unit == "bytes":
        return size_of(part.done, part.total) if part.total else size(part.done)
    done = f"{count(part.done)}/{count(part.total)}" if part.total else count(part.done)
    return f"{done} {part.unit}"


def speed(part: PartView, pace: Pace | None) -> str:
    """The rate, when it is known."""
    if pace is None:
        return ""
    return f"{size(pace.rate)}/s" if part.unit == "bytes" else f"{pace.rate:.1f}/s"


def remaining(part: PartView, pace: Pace | None) -> str:
    """The time left, or why there is none to tell."""
    if part.total and part.done >= part.total:
        return "finishing"
    if pace is None:
        return NO_ESTIMATE
    if pace.eta is None:
        return "no total" if not part.total else "stalled"
    return countdown(pace.eta)


def standing(part: PartView) -> str:
    """Where a part stands while no pass is going on."""
    rest = part.rest
    if _stopped(part) and (rest is None or rest.at < (part.began or 0.0)):
        return ", ".join(("stopped", *filter(None, [percent(part.done, part.total)]), amount(part)))
    if rest is not None and (part.moved is None or rest.at >= part.moved):
        if not rest.lacking:
            return "caught up"
        took = f", {duration(rest.seconds)} to go" if rest.seconds and not rest.following else ""
        return f"{_counted(rest)} behind{took}"
    if part.moved is None:
        return "not copied yet"
    told = part.unit == "bytes" and part.done > 0
    return f"copied, {size(part.done)} in the last pass" if told else "copied"


def _counted(rest: Rest) -> str:
    if rest.unit == "bytes":
        return size(rest.lacking)
    if rest.unit == "seconds":
        return duration(rest.lacking)
    return f"{count(round(rest.lacking))} {rest.unit}"


def _stopped(part: PartView) -> bool:
    return part.began is not None and (part.moved is None or part.moved < part.began)


def moving(part: PartView, pace: Pace | None) -> str:
    """A part's progress in one line of words."""
    left = remaining(part, pace)
    left = (
        f"{left} left" if pace is not None and pace.eta is not None and left[0].isdigit() else left
    )
    fast = "" if part.total and part.done >= part.total else speed(part, pace)
    said = (percent(part.done, part.total), amount(part), fast, left)
    return ", ".join(word for word in said if word)
