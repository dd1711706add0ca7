"""Status is a fold over events: the same for the terminal, the report and other programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from transhume.core.event import Event, Progress
from transhume.core.finding import Finding, Proof
from transhume.core.step import Step
from transhume.ui.machine import to_json
from transhume.ui.shape import (
    ChangeView,
    Look,
    Outage,
    Outcome,
    PartKind,
    PartView,
    Problem,
    Prospect,
    Rest,
    Return,
    Span,
    Status,
    StepState,
    StepView,
    Walk,
)

__all__ = ["Status", "apply", "fold", "observe", "parts_of", "proved", "to_json"]

_STALE = 60.0
"""After so many seconds of silence an old observation is no base for an estimate."""
_LEAST = 3.0
_OUTCOMES: dict[str, Outcome] = {"done": "done", "interrupted": "interrupted"}


def fold(
    events: Iterable[Event],
    progress: Iterable[tuple[Progress, float]] = (),
    *,
    steps: Iterable[Step | type[Step]] = (),
    now: float | None = None,
) -> Status:
    """Where the move stands. `steps` of the plan, when given, are shown as waiting beforehand."""
    status = Status()
    for step in steps:
        status.steps[step.key] = StepView(step.key, step.title, step.phase, rows=step.rows)
    for event in events:
        apply(status, event)
    for seen, at in progress:
        observe(status, seen, at)
    status.as_of = time.time() if now is None else now
    for part in status.parts.values():
        _estimate(part, status.as_of)
    return status


def apply(status: Status, event: Event) -> None:
    """Take in one event; a kind that this version doesn't know says nothing."""
    status.as_of = max(status.as_of, event.at)
    handler = _HANDLERS.get(event.kind)
    if handler is not None:
        handler(status, event)


def observe(status: Status, progress: Progress, at: float) -> None:
    """Take in how far one part is."""
    part = part_of(status, progress.part, "tree" if progress.unit == "bytes" else "database")
    part.done, part.total, part.unit, part.at = progress.done, progress.total, progress.unit, at
    if progress.unit == "bytes":
        part.largest = max(part.largest, progress.done, progress.total)


def part_of(status: Status, name: str, kind: PartKind) -> PartView:
    """The part of that name, new when it is seen for the first time."""
    return status.parts.setdefault(name, PartView(name, kind))


def _estimate(part: PartView, now: float) -> None:
    # One snapshot knows no window: the average since the pass began, and only while it is fresh.
    part.rate = part.eta = None
    if not part.active or part.at is None or part.began is None or now - part.at > _STALE:
        return
    if part.done > 0 and part.at - part.began >= _LEAST:
        part.rate = part.done / (part.at - part.began)
        if part.total > part.done:
            part.eta = (part.total - part.done) / part.rate


def _opened(status: Status, event: Event) -> None:
    data = event.data
    status.profile = str(data.get("profile", ""))
    status.source = str(data.get("source", ""))
    status.target = str(data.get("target", ""))
    status.host_key = str(data.get("host_key", ""))
    status.addresses = tuple(str(address) for address in data.get("addresses", ()))
    status.began = event.at


def _walk_begun(status: Status, event: Event) -> None:
    last = status.walk
    if last is not None and last.outcome == "running":
        # Only one run holds the move: the former one died without a word.
        last.outcome = "killed"
        _break_off(status, event.at)
    command = str(event.data.get("command", ""))
    if command == "verify":
        _forget_failed(status)
    status.walks.append(Walk(event.id, command, str(event.data.get("version", "")), event.at))


def _forget_failed(status: Status) -> None:
    """What couldn't be compared the last time is compared again, and told under other names."""
    for part in status.parts.values():
        part.proofs.pop("proofs", None)


def abandoned(status: Status) -> None:
    """No process holds the move: a run that never wrote its end was killed."""
    if status.walk is not None and status.walk.outcome == "running":
        status.walk.outcome = "killed"
        _break_off(status, status.as_of)


def _walk_ended(status: Status, event: Event) -> None:
    walk = status.walk
    if walk is None:
        return
    walk.ended, walk.message = event.at, str(event.data.get("message") or "")
    walk.memory = _memory(event)
    walk.outcome = _OUTCOMES.get(str(event.data.get("outcome")), "failed")
    _break_off(status, event.at)
    if walk.outcome == "done":
        status.problem = None
    if walk.outcome == "failed" and walk.message:
        before = status.problem
        here = before is not None and before.at >= walk.began
        # The entry of the change that failed tells more than that of the walk's end.
        entry, step = (before.entry, before.step) if before and here else (event.id, "")
        status.problem = Problem(entry, event.at, walk.message, step or _stopped_in(status, walk))


def _stopped_in(status: Status, walk: Walk) -> str:
    last = status.spans[-1] if status.spans else None
    return last.key if last and last.walk == walk.id and last.state == "failed" else ""


def _break_off(status: Status, at: float) -> None:
    for part in status.parts.values():
        part.active = False
    for step in status.steps.values():
        if step.state == "running":
            _end_step(status, step, "failed", at)


def _end_step(status: Status, step: StepView, state: StepState, at: float) -> None:
    step.state = state
    step.seconds = None if step.began is None else max(0.0, at - step.began)
    for span in reversed(status.spans):
        if span.key == step.key and span.ended is None:
            span.ended, span.state = at, state
            return


def _step(status: Status, event: Event) -> StepView:
    key = str(event.data.get("step", ""))
    return status.steps.setdefault(key, StepView(key, key))


def _step_begun(status: Status, event: Event) -> None:
    step = _step(status, event)
    if step.state == "running":
        _end_step(status, step, "failed", event.at)
    step.title = str(event.data.get("title", step.key))
    step.phase = status.phase = str(event.data.get("phase", ""))
    step.rows = tuple(event.data.get("rows", ()))
    step.state, step.began, step.seconds = "running", event.at, None
    walk = status.walk.id if status.walk else 0
    status.spans.append(Span(walk, step.key, event.at))
    status.rolled_back = False


def _step_skipped(status: Status, event: Event) -> None:
    _step(status, event).state = "skipped"


def _step_done(status: Status, event: Event) -> None:
    step = _step(status, event)
    _end_step(status, step, "done", event.at)
    seconds = event.data.get("seconds")
    if isinstance(seconds, (int, float)):
        # Measured by the monotonic clock, which no time server moves.
        step.seconds = float(seconds)


def _change_begun(status: Status, event: Event) -> None:
    data = event.data
    change = ChangeView(
        event.id,
        str(data.get("step", "")),
        str(data.get("title", "")),
        event.at,
        data.get("act") or {},
        data.get("back") or {},
        tuple(str(command) for command in data.get("commands", ())),
    )
    status.changes[event.id] = change
    if change.back.get("kind") == "Never":
        status.past_return, status.return_reason = True, str(change.back.get("reason", ""))
    if change.back.get("kind") in ("Never", "Carry") and not status.opened:
        status.opened, status.opened_at, status.returns = True, event.at, None
    for name, kind, total in parts_of(change.act):
        part = part_of(status, name, kind)
        part.kind, part.active, part.began = kind, True, event.at
        part.done, part.total, part.at = 0, total, None
        part.unit = "bytes" if kind == "tree" else "tables"
        if kind == "tree":
            part.largest = max(part.largest, total)


def parts_of(act: dict[str, Any]) -> Iterator[tuple[str, PartKind, int]]:
    """The trees and databases that an act moves, with the total where it is known; each once."""
    seen: set[str] = set()
    for leaf in leaves_of(act):
        if leaf.get("kind") in ("SeedTree", "SyncTree"):
            found: tuple[str, PartKind, int] = (leaf["path"], "tree", leaf.get("expected", 0))
        elif leaf.get("kind") in ("DumpDatabase", "SeedDatabase"):
            found = (leaf["database"], "database", leaf.get("tables", 0))
        elif leaf.get("kind") == "RestoreDatabase":
            found = (leaf["database"], "database", leaf.get("entries", 0))
        else:
            continue
        if found[0] not in seen:
            seen.add(found[0])
            yield found


def leaves_of(act: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The single acts inside an act as the journal keeps it."""
    if "acts" not in act:
        yield act
    for inner in act.get("acts", ()):
        yield from leaves_of(inner)


def _change(status: Status, event: Event) -> ChangeView | None:
    return status.changes.get(event.data.get("change", -1))


def _change_done(status: Status, event: Event) -> None:
    change = _change(status, event)
    if change is None:
        return
    change.state, change.seconds = "done", event.data.get("seconds")
    for name, kind, _ in parts_of(change.act):
        part = part_of(status, name, kind)
        part.active, part.moved = False, event.at


def _change_failed(status: Status, event: Event) -> None:
    error = str(event.data.get("error", ""))
    change = _change(status, event)
    key = change.step if change else ""
    status.problem = Problem(event.id, event.at, error, key)
    if change is None:
        return
    change.state, change.error = "failed", error
    for name, kind, _ in parts_of(change.act):
        part_of(status, name, kind).active = False
    if key in status.steps and status.steps[key].state == "running":
        _end_step(status, status.steps[key], "failed", event.at)


def _undone(status: Status, event: Event) -> None:
    change = _change(status, event)
    if change is None:
        return
    change.kept = str(event.data.get("kept") or "")
    change.state = "kept" if change.kept else "undone"
    if not change.kept and change.step in status.steps:
        status.steps[change.step].state = "undone"


def _rolled_back(status: Status, event: Event) -> None:
    # A step with nothing to take back, or whose effect was kept, is walked again the next time.
    for step in status.steps.values():
        if step.state != "undone":
            step.state = "waiting"
    status.rolled_back, status.opened, status.verified = True, False, False
    status.past_return, status.return_reason = False, ""
    status.phase, status.problem = "", None


def _checked(status: Status, event: Event) -> None:
    fields = ("key", "severity", "where", "seen", "why", "remedy")
    status.findings = [
        Finding(*(data.get(field, "") for field in fields)) for data in event.data["findings"]
    ]
    seconds = event.data.get("seconds")
    if isinstance(seconds, (int, float)):
        status.looks.append(Look(event.at - seconds, seconds, _memory(event)))


def _memory(event: Event) -> dict[str, int]:
    """What the entry says of memory; an earlier version's says nothing."""
    told = event.data.get("memory") or {}
    return {str(part): bytes_ for part, bytes_ in told.items() if isinstance(bytes_, int)}


def _proved(status: Status, event: Event) -> None:
    data = event.data
    name = str(data.get("part", ""))
    # "bj: schema" is a proof about the part "bj", where there is one.
    owner = name.partition(": ")[0]
    known = owner if owner in status.parts else name
    part = part_of(status, known, "tree" if known.startswith("/") else "other")
    proof = proved(data)
    part.proofs[proof.unit] = (event.at, proof)


def proved(data: dict[str, Any]) -> Proof:
    """The proof that an event tells of."""
    differing = tuple(str(one) for one in data.get("differing", ()))
    compared, equal, since = (data.get(key, 0) for key in ("compared", "equal", "since"))
    part, unit = str(data.get("part", "")), str(data.get("unit", ""))
    notes = tuple(str(one) for one in data.get("notes", ()))
    return Proof(part, compared, equal, unit, differing, since, notes)


def _lacks(status: Status, event: Event) -> None:
    data = event.data
    name = str(data.get("part", ""))
    part_of(status, name, "tree" if name.startswith("/") else "database").rest = Rest(
        data.get("lacking", 0),
        data.get("total", 0),
        str(data.get("unit", "")),
        data.get("seconds") or 0.0,
        event.at,
        bool(data.get("following")),
    )


def _returns(status: Status, event: Event) -> None:
    status.returns = Return(event.at, str(event.data["lost"]), int(event.data["kept"]))


def _forecast(status: Status, event: Event) -> None:
    seconds, low, high, then = (
        float(event.data[key]) for key in ("seconds", "low", "high", "caught_up")
    )
    status.forecast = Prospect(event.at, seconds, low, high, then, tuple(event.data["parts"]))


def _down(status: Status, event: Event) -> None:
    if not status.down:
        status.outages.append(Outage(event.at))


def _up(status: Status, event: Event) -> None:
    if status.down:
        status.outages[-1].ended = event.at


def _verified(status: Status, event: Event) -> None:
    status.verified = status.opened and bool(event.data.get("equal"))


def _finished(status: Status, event: Event) -> None:
    status.finished, status.phase = True, "finish"


_HANDLERS: dict[str, Callable[[Status, Event], None]] = {
    "opened": _opened,
    "walk-begun": _walk_begun,
    "walk-ended": _walk_ended,
    "step-begun": _step_begun,
    "step-skipped": _step_skipped,
    "step-done": _step_done,
    "change-begun": _change_begun,
    "change-done": _change_done,
    "change-failed": _change_failed,
    "undone": _undone,
    "rolled-back": _rolled_back,
    "checked": _checked,
    "proved": _proved,
    "verified": _verified,
    "lacks": _lacks,
    "return": _returns,
    "forecast": _forecast,
    "down": _down,
    "up": _up,
    "finished": _finished,
}
