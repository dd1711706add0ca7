"""Where a move stands, on one screen; the next command last."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from transhume.ui import returning
from transhume.ui.layout import natural, paragraph, put, row, text
from transhume.ui.machine import following
from transhume.ui.pace import Pace
from transhume.ui.shape import PartView, Status, StepView
from transhume.ui.timeline import moving, proof_words, standing
from transhume.ui.words import clock, duration, line, machine, moment, shortened

_STYLES = {
    "running": "bold",
    "done": "green",
    "skipped": "green",
    "failed": "bold red",
    "undone": "yellow",
    "waiting": "dim",
}
_LABEL = 8


def show_status(console: Console, status: Status) -> None:
    """Print the move, service, way back, steps, parts, the last failure and what is next."""
    for label, said, style in _facts(status):
        widths = [_LABEL, max(20, console.width - _LABEL - 3)]
        row(console, [Text(label, style="dim"), Text(said, style=style)], widths)
    _steps(console, list(status.steps.values()))
    _parts(console, status.told)
    _problem(console, status)
    command = following(status)
    put(console, Text(f" Next: {command}" if command else " The move is over.", style="bold"))


def _facts(status: Status) -> list[tuple[str, str, str]]:
    source, target = machine(status.source or "?"), machine(status.target)
    facts = [("move", f"{source} → {target}   {line(status.profile)}", "bold")]
    if status.walk is not None:
        facts.append(("last", _last(status), ""))
    facts.append(("service", *_service(status)))
    facts.append(("way back", *_way_back(status)))
    return facts


def _last(status: Status) -> str:
    walk = status.walk
    if walk is None:
        return ""
    command = f"transhume {line(walk.command)}, {moment(walk.began)}"
    if walk.ended is None:
        since = duration(max(0.0, status.as_of - walk.began))
        return f"{command}: {'killed' if walk.outcome == 'killed' else 'running'}, {since}"
    return f"{command}: {walk.outcome} after {duration(walk.ended - walk.began)}"


def _service(status: Status) -> tuple[str, str]:
    total = duration(status.downtime())
    if status.down:
        return f"down since {clock(status.outages[-1].began)}, {total} so far", "bold red"
    if not status.outages:
        return "up, served by the source", ""
    host = "source" if status.rolled_back else "target" if status.opened else "server"
    return f"up, served by the {host}; it was down for {total}", ""


def _way_back(status: Status) -> tuple[str, str]:
    if status.finished:
        return "none: the move is finished", ""
    if status.past_return:
        reason = f": {line(status.return_reason)}" if status.return_reason else ""
        return f"past the point of no return{reason}", "yellow"
    if status.rolled_back:
        return "everything is taken back", ""
    if status.opened:
        lost = status.returns is not None and status.returns.lost
        return returning.told(status), "bold red" if lost else ""
    made = sum(change.state in ("begun", "done", "failed") for change in status.changes.values())
    return (f"transhume rollback, {made} changes", "") if made else ("nothing to take back", "")


def _steps(console: Console, steps: list[StepView]) -> None:
    if not steps:
        return
    put(console, Text())
    room = console.width - 1 - 7 - 7 - 10 - 6
    widths = [7, 7, natural([text(step.title) for step in steps], max(16, room)), 10]
    phase = ""
    for step in steps:
        style = _STYLES[step.state]
        took = "" if step.seconds is None or step.state == "waiting" else duration(step.seconds)
        first = Text("" if step.phase == phase else step.phase, style="bold")
        phase = step.phase
        cells = [first, Text(step.state, style=style), text(step.title), Text(f"{took:>10}")]
        row(console, cells, widths)


def _parts(console: Console, parts: list[PartView]) -> None:
    if not parts:
        return
    put(console, Text())
    names = [Text(shortened(line(part.name), 30)) for part in parts]
    width = natural(names, 30)
    for part, name in zip(parts, names, strict=True):
        row(console, [name, _told(part)], [width, max(20, console.width - width - 4)])


def _told(part: PartView) -> Text:
    told = Text()
    if part.active:
        pace = None if part.rate is None else Pace(part.rate, 0.0, part.eta)
        told.append(moving(part, pace), style="bold")
    elif part.moves:
        told.append(standing(part))
    for _, proof in part.proofs.values():
        told.append("; " if told else "")
        told.append(proof_words(proof), style="green" if proof.whole else "bold red")
    return told


def _problem(console: Console, status: Status) -> None:
    put(console, Text())
    if status.problem is None:
        return
    where = status.steps.get(status.problem.step)
    title = f" in: {line(where.title)}" if where else ""
    head = f"Failed {moment(status.problem.at)}{title} (entry {status.problem.entry})"
    paragraph(console, head, indent=1, style="bold red")
    paragraph(console, status.problem.what, indent=3)
    if status.changes and not status.opened:
        paragraph(console, "To give up: transhume rollback", indent=1)
