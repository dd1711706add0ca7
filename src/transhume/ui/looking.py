"""What is only looked at: findings and the configuration's diff."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from transhume.core.change import WriteFile
from transhume.core.check import told
from transhume.core.finding import Finding, accept, stopping
from transhume.core.step import Step
from transhume.engine.journal import FILE, Journal
from transhume.errors import Blocked
from transhume.profiles.bluemind import profile
from transhume.steps.configuration_diff import diff
from transhume.steps.requirements import Requirements
from transhume.ui.session import Session


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
    return diff(profile.configuration(run.layout, run.settings), run.pair)
