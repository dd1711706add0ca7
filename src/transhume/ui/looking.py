"""What is only looked at: findings, the configuration's diff, the forecast."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console

from transhume.core.change import WriteFile
from transhume.core.check import told
from transhume.core.event import Event
from transhume.core.finding import Finding, accept, stopping
from transhume.core.step import Step
from transhume.engine.journal import FILE, Journal
from transhume.errors import Blocked
from transhume.profiles.bluemind import profile
from transhume.steps.requirements import Requirements
from transhume.ui import terminal
from transhume.ui.layout import paragraph
from transhume.ui.session import Session, past

_NOT_MEASURED = (
    "Not in it, because only the switch itself can show it: configuration, address, maps and "
    "proofs. They take seconds, whatever the size."
)


@dataclass(frozen=True)
class Checked:
    """The findings of all checks, and how many checks there were and saw nothing."""

    findings: list[Finding]
    checks: int
    passed: int


def checked(run: Session) -> Checked:
    """Make every check of every step."""
    groups = [group for step in run.plan.steps for group in _groups(step, run)]
    found = [finding for group in groups for finding in group]
    passed = sum(1 for group in groups if not group)
    return Checked(accept(found, run.settings.check.accept), len(groups), passed)


def _groups(step: Step, run: Session) -> Iterator[list[Finding]]:
    if isinstance(step, Requirements):
        yield from (check.findings(run.pair) for check in step.checks)
    elif type(step).check is not Step.check:
        yield told(step.key, step.title, lambda: step.check(run.pair))


def record(journal: Journal, found: Sequence[Finding]) -> None:
    """Keep the findings of one check for the report."""
    journal.write("checked", findings=[asdict(finding) for finding in found])


def record_alone(run: Session, found: Sequence[Finding]) -> None:
    """The same from a command that doesn't walk, when a move is under way."""
    if (run.folder / FILE).exists():
        with Journal(run.folder) as journal:
            record(journal, found)


def refuse(found: Sequence[Finding]) -> None:
    """Blocked when a finding forbids the move."""
    stop = stopping(found)
    if stop:
        raise Blocked(
            f"{len(stop)} {'finding blocks' if len(stop) == 1 else 'findings block'} the move: "
            f"{stop[0]}",
            state="Nothing was changed.",
            remedy="follow the remedies, then transhume check",
        )


def former(run: Session) -> Callable[[WriteFile], bytes | None]:
    """What a file holds now, for the diff in the plan."""
    return lambda act: run.pair.at(act.place).file(act.path)


def configuration_diff(run: Session) -> Iterator[str]:
    """How the target's configuration would change."""
    return profile.configuration(run.layout, run.settings).diff(run.pair)


def print_forecast(console: Console, run: Session) -> None:
    """The downtime to expect, from what was measured so far."""
    events = past(run.folder)
    terminal.forecast(console, expected(events))
    if events:
        paragraph(console, _NOT_MEASURED, indent=1)


def expected(events: Sequence[Event]) -> list[terminal.Expected]:
    """Only what was measured: stopping, starting, the trees' last look, the rehearsal."""
    return [*_services(events), *_trees(events), *_databases(events)]


def _services(events: Sequence[Event]) -> Iterator[terminal.Expected]:
    for event in events:
        if event.kind == "step-done" and event.data["step"] == "hold-target":
            seconds = event.data["seconds"]
            basis = "as on the target"
            yield terminal.Expected("stop", seconds, seconds * 0.8, seconds * 2, basis)
            break
    starts = [event.data["seconds"] for event in events if event.kind == "machines"]
    if starts and starts[-1]:
        seconds = starts[-1]
        basis = "the source's last start"
        yield terminal.Expected("start", seconds, seconds * 0.7, seconds * 2, basis)


def _trees(events: Sequence[Event]) -> Iterator[terminal.Expected]:
    trees = {event.data["part"]: event.data for event in events if event.kind == "lacks"}
    if trees:
        seconds = sum(item["seconds"] for item in trees.values())
        lacking = sum(item["lacking"] for item in trees.values())
        basis = f"{lacking:,} bytes lacked at the last look"
        yield terminal.Expected("rest of trees", seconds, seconds / 2, seconds * 2, basis)


def _databases(events: Sequence[Event]) -> Iterator[terminal.Expected]:
    began = {event.id: event.data for event in events if event.kind == "change-begun"}
    rehearsed = {
        began[event.data["change"]]["title"]: event.data["seconds"]
        for event in events
        if event.kind == "change-done"
        and began[event.data["change"]]["step"] == "rehearse-databases"
    }
    if rehearsed:
        seconds = sum(rehearsed.values())
        basis = "the rehearsal, made under load"
        yield terminal.Expected("databases", seconds, seconds * 0.8, seconds * 1.5, basis)
