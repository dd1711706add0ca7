"""Makes every check once, and tells what became of the findings since the run before."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

from pydantic import ConfigDict

from transhume.core.check import Check, told
from transhume.core.finding import Finding, accept, stopping
from transhume.core.host import Pair
from transhume.core.once import once
from transhume.core.step import Step
from transhume.engine.journal import FILE, Journal
from transhume.errors import Blocked, StepFailed
from transhume.steps.requirements.step import Requirements
from transhume.ui.session import Session

REMEMBERED = "checked.json"
"""The findings of the last run, in the state folder."""


@dataclass(frozen=True)
class Made:
    """One check as it was made."""

    key: str
    title: str
    reads_data: bool
    """Whether it looks at every file or row; all others take seconds at any size."""
    seconds: float
    findings: int
    """How many findings it had; none means that it passes."""


@dataclass(frozen=True)
class Since:
    """What became of the findings since the run before."""

    at: float
    """When that run was, in seconds since the epoch."""
    solved: tuple[Finding, ...]
    new: tuple[Finding, ...]


@dataclass(frozen=True)
class Checked:
    """What `transhume check --json` prints: findings, the checks that were made, and the sums."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    findings: tuple[Finding, ...]
    """In the order of the checks that saw them."""
    checks: int
    passed: int
    """How many checks saw nothing."""
    seconds: float
    made: tuple[Made, ...]
    memory: dict[str, int] = field(default_factory=dict)
    """The most bytes that a process took: `transhume`, and what it ran on `source` and `target`."""
    since: Since | None = None
    """None when there was no run before against the same source."""


@dataclass(frozen=True)
class Remembered:
    """The last run: of which source, when, and what it found."""

    source: str
    at: float
    findings: tuple[Finding, ...]


def checked(run: Session, heard: Callable[[str], None] = lambda title: None) -> Checked:
    """Make every check of every step, and compare with the run before."""
    began = time.monotonic()
    pair = once(run.pair)
    found: list[Finding] = []
    made: list[Made] = []
    for check in (check for step in run.plan.steps for check in _checks(step)):
        heard(f"{check.title} (reads the data)" if check.reads_data else check.title)
        one, seen = _made(check, pair)
        made.append(one)
        found += seen
    accepted = tuple(accept(found, run.settings.check.accept))
    passed = sum(1 for one in made if not one.findings)
    seconds = time.monotonic() - began
    since = compared(_recalled(run), accepted)
    memory = run.peaks.told()
    return Checked(accepted, len(made), passed, seconds, tuple(made), memory, since)


def _checks(step: Step) -> Iterator[Check]:
    if isinstance(step, Requirements):
        yield from step.checks
    elif type(step).check is not Step.check:
        yield Check(step.key, step.title, step.check)


def _made(check: Check, pair: Pair) -> tuple[Made, list[Finding]]:
    began = time.monotonic()
    seen = told(check.key, check.title, lambda: check.look(pair))
    seconds = round(time.monotonic() - began, 3)
    return Made(check.key, check.title, check.reads_data, seconds, len(seen)), seen


def compared(before: Remembered | None, now: Sequence[Finding]) -> Since | None:
    """Which findings are gone and which weren't there; None without a run before."""
    if before is None:
        return None
    former = {_same(finding): finding for finding in before.findings}
    later = {_same(finding): finding for finding in now}
    solved = tuple(finding for key, finding in former.items() if key not in later)
    new = tuple(finding for key, finding in later.items() if key not in former)
    return Since(before.at, solved, new)


def _same(finding: Finding) -> tuple[str, str, str]:
    """What makes two findings the same one: 41 and 42 messages in a queue are one."""
    return finding.key, finding.where, re.sub(r"\d[\d.,:]*", "#", finding.seen)


def _of(run: Session) -> str:
    return f"{run.settings.source.ssh} {run.settings.source.host_key}"


def _recalled(run: Session) -> Remembered | None:
    """The run before of the same move; what can't be read is none: it decides nothing."""
    try:
        told = json.loads((run.folder / REMEMBERED).read_bytes())
        findings = tuple(Finding(**each) for each in told["findings"])
        before = Remembered(str(told["source"]), float(told["at"]), findings)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if not all(isinstance(value, str) for each in findings for value in asdict(each).values()):
        return None
    return before if before.source == _of(run) else None


def remember(run: Session, seen: Checked) -> None:
    """Keep the findings for the next run, and for the report when a move is under way.

    Nothing else is written by a check, on either machine.
    """
    content = json.dumps(asdict(Remembered(_of(run), time.time(), seen.findings)))
    try:
        run.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = run.folder / f"{REMEMBERED}.{os.getpid()}"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(content)
        part.replace(run.folder / REMEMBERED)
    except OSError as error:
        raise StepFailed(
            f"what was found can't be kept in {run.folder}: {error.strerror}",
            state="Nothing was touched.",
            remedy=f"make room, and make it writable: {run.folder}",
        ) from None


def record(journal: Journal, seen: Checked) -> None:
    """Keep the findings of one check, and what it took, for the report."""
    findings = [asdict(finding) for finding in seen.findings]
    journal.write("checked", findings=findings, seconds=seen.seconds, memory=seen.memory)


def record_alone(run: Session, seen: Checked) -> None:
    """The same from a command that doesn't walk, when a move is under way."""
    if (run.folder / FILE).exists():
        with Journal(run.folder) as journal:
            record(journal, seen)


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
