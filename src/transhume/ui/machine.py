"""The status for other programs: keys that stay, each with its meaning."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from transhume.ui.shape import PartView, Status, Walk

FORMAT = 1
"""Raised when a key changes its meaning or goes; a new key doesn't raise it."""

KEYS = {
    "format": "version of this format",
    "as_of": "the moment that this is true of; all moments are seconds since 1970, UTC",
    "move": "which move this is",
    "move.profile": "kind of server",
    "move.source": "the machine that is left",
    "move.target": "the machine that takes over",
    "move.host_key": "the source's public host key that was confirmed",
    "move.addresses": "the addresses that people use",
    "move.began": "when the journal was begun; null before",
    "phase": "prepare, sync, cutover, after, finish, or empty before the first step",
    "walk": "the last command; null before the first",
    "walk.command": "its name",
    "walk.version": "the version of transhume that ran it",
    "walk.began": "when it began",
    "walk.ended": "when it ended; null while it runs",
    "walk.outcome": "running, done, failed, interrupted, killed",
    "walk.message": "what it said at its end",
    "walk.memory": "the most bytes that one process took; a key is there once that is known",
    "walk.memory.transhume": "transhume itself",
    "walk.memory.source": "the largest program that it sent to the source",
    "walk.memory.target": "the largest that it ran beside itself",
    "steps[]": "the steps, in the order of the plan",
    "steps[].key": "stable name",
    "steps[].title": "what it does",
    "steps[].phase": "its phase",
    "steps[].state": "waiting, running, done, skipped, failed, undone",
    "steps[].rows": "rows of the documented procedure that it answers",
    "steps[].began": "when it last began; null before",
    "steps[].seconds": "how long it last took; null while it is unknown",
    "parts[]": "the trees, databases and other things that are moved or proved",
    "parts[].name": "path or name",
    "parts[].kind": "tree, database, other",
    "parts[].active": "whether a pass is going on",
    "parts[].done": "how far the current or last pass is",
    "parts[].total": "of how much; 0 when nobody knows",
    "parts[].unit": "bytes, tables, entries",
    "parts[].at": "when that was seen; null before",
    "parts[].rate": "units per second; null when there is no estimate",
    "parts[].eta": "seconds left; null when there is no estimate",
    "parts[].moved": "when its last pass ended; null before",
    "parts[].largest": "the most bytes that a pass had to move; a tree's first one moves all",
    "parts[].lacking": "how much it lacked when last measured; null before",
    "parts[].lacking_unit": "in which unit",
    "parts[].lacking_seconds": "how long that rest would take",
    "parts[].lacking_at": "when that was measured; null before",
    "parts[].following": "whether its changes are followed, so that the rest doesn't grow with it",
    "forecast": "the downtime that is thought to come; of the last cutover, once it has begun; "
    "null before it was measured how far behind the parts are",
    "forecast.at": "when it was made",
    "forecast.seconds": "how long a cutover right then would have shut people out",
    "forecast.low": "at least",
    "forecast.high": "at most",
    "forecast.caught_up": "how long once no part is behind",
    "forecast.parts[]": "what each step was thought to take; some go on at the same time",
    "forecast.parts[].step": "stable name",
    "forecast.parts[].title": "what it does",
    "forecast.parts[].account": "stop, files, databases, configuration, address, proofs, start",
    "forecast.parts[].seconds": "how long",
    "forecast.parts[].low": "at least",
    "forecast.parts[].high": "at most",
    "forecast.parts[].basis": "why one thinks so",
    "forecast.parts[].measured": "how long it took in the last outage; null before",
    "findings[]": "what the last check saw",
    "findings[].key": "stable name",
    "findings[].severity": "blocks, unknown, warns, notes",
    "findings[].where": "source, target, both",
    "findings[].seen": "what was seen",
    "findings[].why": "why it matters",
    "findings[].remedy": "what to do",
    "proofs[]": "the last comparison of each part",
    "proofs[].part": "path or name",
    "proofs[].compared": "how many were compared",
    "proofs[].equal": "how many of them were equal",
    "proofs[].unit": "of what",
    "proofs[].differing": "the differences by name, as far as they were noted",
    "proofs[].since": "how many differ because people have used the target since it was opened",
    "proofs[].notes": "what is worth knowing and no difference, such as damage on the source",
    "proofs[].at": "when",
    "proofs[].whole": "whether all were equal, and there were any",
    "service": "whether people are served",
    "service.down": "whether they are shut out now",
    "service.downtime": "seconds without service so far, all outages together",
    "service.outages[]": "each time without service",
    "service.outages[].began": "from when",
    "service.outages[].ended": "to when; null while it lasts",
    "opened": "whether people were let in to the target, and the move wasn't taken back since",
    "way_back": "what the last look at the way back after the opening saw; null before one",
    "way_back.at": "when that was",
    "way_back.lost": "why what people did can't be carried back; empty when it can",
    "way_back.kept": "bytes that the target's log takes for it",
    "way_back.since": "from when on what people do is noted",
    "past_return": "whether the point of no return was passed",
    "rolled_back": "whether the move was taken back and not begun again",
    "finished": "whether the move is over",
    "changes": "the alterations in the journal, counted",
    "changes.made": "begun and not taken back",
    "changes.undone": "taken back",
    "changes.kept": "left as they are by a rollback",
    "problem": "the last failure that no success has settled; null without one",
    "problem.entry": "the journal's entry",
    "problem.at": "when",
    "problem.what": "what went wrong",
    "problem.step": "in which step",
    "next": "the command to type next; empty when the move is over",
}
"""Every key of `to_json`, and what it means."""


def to_json(status: Status) -> dict[str, Any]:
    """The status as `status --json` prints it; see KEYS."""
    states = [change.state for change in status.changes.values()]
    undone, kept = states.count("undone"), states.count("kept")
    return {
        "format": FORMAT,
        "as_of": status.as_of,
        "move": _move(status),
        "phase": status.phase,
        "walk": _walk(status.walk) if status.walk else None,
        "steps": [
            {
                "key": step.key,
                "title": step.title,
                "phase": step.phase,
                "state": step.state,
                "rows": list(step.rows),
                "began": step.began,
                "seconds": step.seconds,
            }
            for step in status.steps.values()
        ],
        "parts": [_part(part) for part in status.told],
        "forecast": _forecast(status),
        "findings": [asdict(finding) for finding in status.findings],
        "proofs": [
            {**asdict(proof), "at": at, "whole": proof.whole}
            for part in status.parts.values()
            for at, proof in part.proofs.values()
        ],
        "service": {
            "down": status.down,
            "downtime": status.downtime(),
            "outages": [asdict(outage) for outage in status.outages],
        },
        "opened": status.opened,
        "way_back": _way_back(status),
        "past_return": status.past_return,
        "rolled_back": status.rolled_back,
        "finished": status.finished,
        "changes": {
            "made": len(states) - undone - kept,
            "undone": undone,
            "kept": kept,
        },
        "problem": asdict(status.problem) if status.problem else None,
        "next": following(status),
    }


def _move(status: Status) -> dict[str, Any]:
    return {
        "profile": status.profile,
        "source": status.source,
        "target": status.target,
        "host_key": status.host_key,
        "addresses": list(status.addresses),
        "began": status.began,
    }


def _walk(walk: Walk) -> dict[str, Any]:
    fields = asdict(walk)
    del fields["id"]
    return fields


def _part(part: PartView) -> dict[str, Any]:
    rest = part.rest
    return {
        "name": part.name,
        "kind": part.kind,
        "active": part.active,
        "done": part.done,
        "total": part.total,
        "unit": part.unit,
        "at": part.at,
        "rate": part.rate,
        "eta": part.eta,
        "moved": part.moved,
        "largest": part.largest,
        "lacking": rest.lacking if rest else None,
        "lacking_unit": rest.unit if rest else "",
        "lacking_seconds": rest.seconds if rest else None,
        "lacking_at": rest.at if rest else None,
        "following": rest.following if rest else False,
    }


def _way_back(status: Status) -> dict[str, Any] | None:
    if status.returns is None or not status.opened:
        return None
    return {**asdict(status.returns), "since": status.opened_at}


def _forecast(status: Status) -> dict[str, Any] | None:
    made = status.forecast
    if made is None:
        return None
    took = outage_steps(status)
    parts = [{**part, "measured": took.get(part["step"])} for part in made.parts]
    return {**asdict(made), "parts": parts}


def outage_steps(status: Status) -> dict[str, float]:
    """How long each step took within the last outage, in seconds."""
    if not status.outages:
        return {}
    last = status.outages[-1]
    ended = status.as_of if last.ended is None else last.ended
    return {
        span.key: span.ended - span.began
        for span in status.spans
        if span.ended is not None and span.ended > last.began and span.began < ended
    }


def following(status: Status) -> str:
    """The command to type next, from what the journal says alone."""
    walk = status.walk
    if status.finished:
        return ""
    if walk is not None and walk.outcome != "done" and walk.command:
        return f"transhume {_AGAIN.get(walk.command, walk.command)}"
    if status.rolled_back:
        return "transhume check"
    if status.opened and not status.verified:
        return "transhume verify"
    return f"transhume {_AFTER.get(_furthest(status), 'check')}"


# Without --yes it would only report.
_AGAIN = {"cutover": "cutover --yes"}
_AFTER = {"prepare": "sync", "sync": "cutover", "cutover": "finish", "after": "finish"}


def _furthest(status: Status) -> str:
    reached = ""
    for step in status.steps.values():
        if step.state in ("done", "skipped"):
            reached = step.phase
    return reached
