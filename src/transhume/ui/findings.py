"""Findings on a terminal: the worst first, then the sums and what became of earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from transhume.core.finding import Finding
from transhume.ui.checking import Checked, Since
from transhume.ui.layout import natural, paragraph, put, row, text
from transhume.ui.words import duration, moment, several

_SEVERITIES = ("blocks", "unknown", "warns", "notes")
_STYLES = {"blocks": "bold red", "unknown": "bold magenta", "warns": "yellow", "notes": "cyan"}
_ROOMY = 50
"""With less than this for its text, a finding's text goes below its name."""


@contextmanager
def busy(console: Console, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Where somebody looks on, a last line says what is being looked at; gone at the end."""
    if quiet or not console.is_terminal:
        yield lambda title: None
        return
    with console.status("") as status:
        yield lambda title: status.update(text(f"{title} …"))


def show(console: Console, seen: Checked) -> None:
    """The findings, one line of sums, and what was solved since the run before."""
    ordered = sorted(seen.findings, key=lambda finding: _SEVERITIES.index(finding.severity))
    names = [text(finding.key) for finding in ordered]
    widths = [natural([Text(finding.severity) for finding in ordered], 7), natural(names, 24), 6]
    room = console.width - 1 - sum(widths) - 6
    for finding, name in zip(ordered, names, strict=True):
        severity = Text(finding.severity.upper(), style=_STYLES[finding.severity])
        head = [severity, name, Text(finding.where, style="dim")]
        if room >= _ROOMY:
            row(console, [*head, _told(finding)], [*widths, room])
        else:
            row(console, head, widths)
            row(console, [Text(), _told(finding)], [widths[0], console.width - 3 - widths[0]])
    took = duration(seen.seconds)
    put(console, Text(f" {_sums(ordered, seen)}   {took}.   Nothing was changed."))
    if any(finding.idle and finding.why for finding in ordered):
        paragraph(
            console, "Why each is noted, and what closes it: transhume check --json", indent=1
        )
    _reading(console, seen)
    if seen.since is not None:
        _since(console, seen.since)


def _told(finding: Finding) -> Text:
    lines = [text(finding.seen, "bold" if finding.severity == "blocks" else "")]
    # Dozens of lines that ask for nothing would hide those that do.
    if not finding.idle:
        lines += [text(finding.why)] if finding.why else []
        lines += [Text("→ ").append_text(text(finding.remedy))] if finding.remedy else []
    return Text("\n").join(lines)


def _sums(ordered: Sequence[Finding], seen: Checked) -> str:
    found = [finding.severity for finding in ordered]
    said = [f"{found.count(severity)} {severity}" for severity in _SEVERITIES if severity in found]
    return f"{several(seen.checks, 'check')}: {', '.join([*said, f'{seen.passed} pass'])}."


def _reading(console: Console, seen: Checked) -> None:
    """The checks whose time grows with the data, when they made most of it."""
    reading = [one for one in seen.made if one.reads_data]
    seconds = sum(one.seconds for one in reading)
    if seconds > seen.seconds / 2:
        told = f"{several(len(reading), 'check')} read the data: {duration(seconds)} of it."
        paragraph(console, told, indent=1)


def _since(console: Console, since: Since) -> None:
    for word, findings in (("solved", since.solved), ("new", since.new)):
        if findings:
            named = ", ".join(f"{finding.key} ({finding.where})" for finding in findings)
            paragraph(console, f"{word} since {moment(since.at)}: {named}", indent=1)
