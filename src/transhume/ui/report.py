"""The report of a move: one HTML file for the customer, or the same facts for programs."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from string import Template
from typing import Any

from transhume.core.event import Event, Progress
from transhume.core.finding import Proof
from transhume.ui import cost, gantt, returning
from transhume.ui.forecast import by_account
from transhume.ui.machine import outage_steps, to_json
from transhume.ui.records import backward_lines, command_lines, described
from transhume.ui.shape import ChangeView, PartView, Status
from transhume.ui.timeline import standing
from transhume.ui.view import fold
from transhume.ui.words import (
    between,
    clock,
    count,
    duration,
    line,
    machine,
    moment,
    percent,
    several,
    size,
    visible,
    zone,
)

_TEMPLATE = "report.html"
_OPEN = 20
"""So many differences of a part are to be seen at once; the others are folded."""
_SEVERITIES = {
    "blocks": ("had to be solved first", "bad"),
    "unknown": ("could not be checked", "bad"),
    "warns": ("a warning", "warn"),
    "notes": ("for your information", "soft"),
}
_BESIDE = "some of it goes on at the same time"
_WHERE = {"source": "old server", "target": "new server", "both": "both servers"}
_STATES = {
    "begun": "begun",
    "done": "made",
    "failed": "failed",
    "undone": "taken back",
    "kept": "left as it is",
}


def report(
    events: Iterable[Event],
    progress: Iterable[tuple[Progress, float]] = (),
    *,
    now: float | None = None,
    facts: Mapping[str, str] | None = None,
) -> str:
    """The whole page. `facts` are further lines about the machines, such as their versions."""
    status = fold(events, progress, now=now)
    page = Template(resources.files(__package__).joinpath(_TEMPLATE).read_text(encoding="utf-8"))
    return page.substitute(
        title=f"Server move: {_shown(machine(status.source))}",
        headline=_headline(status),
        subline=_subline(status),
        figures=_figures(status),
        problem=_problem(status),
        timeline=gantt.charts(status),
        expected=_expected(status),
        moved=_moved(status),
        proved=_proved(status),
        took=_took(status),
        found=_found(status),
        back=_back(status),
        changes=_changes(status),
        identity=_identity(status, facts or {}),
        footer=f"Written {moment(status.as_of)} by transhume ({_shown(zone(status.as_of))})",
    )


def report_json(
    events: Iterable[Event],
    progress: Iterable[tuple[Progress, float]] = (),
    *,
    now: float | None = None,
    facts: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The status with its history: every command, every time a step was walked, every change."""
    status = fold(events, progress, now=now)
    return {
        **to_json(status),
        "facts": dict(facts or {}),
        "walks": [vars(walk) for walk in status.walks],
        "checks": [vars(look) for look in status.looks],
        "spans": [vars(span) for span in status.spans],
        "history": [described(change) for change in status.changes.values()],
    }


def _shown(content: object) -> str:
    """Foreign text on one line of HTML."""
    return html.escape(line(content))


def _headline(status: Status) -> str:
    name = _shown(machine(status.source)) if status.source else "the server"
    if status.rolled_back:
        return f"The move of {name} was taken back: the old server serves"
    if status.down:
        return f"{name} is being moved, and is down at this moment"
    if status.opened or status.finished:
        return f"{name} was moved to a new server"
    return f"The move of {name} is being prepared"


def _subline(status: Status) -> str:
    if status.began is None:
        return "No move was begun yet."
    ended = "finished" if status.finished else "not finished yet"
    last = status.walks[-1].ended if status.walks else None
    return f"Begun {moment(status.began)}, {ended}; last action {moment(last or status.as_of)}."


def _figures(status: Status) -> str:
    proofs = [proof for part in status.parts.values() for _, proof in part.proofs.values()]
    whole = sum(proof.whole for proof in proofs)
    trees = [part for part in status.told if part.kind == "tree"]
    databases = [part for part in status.told if part.kind == "database"]
    held = sum(_bytes(part) for part in trees)
    kinds = f"{several(len(trees), 'tree')} of files, {several(len(databases), 'database')}"
    figures = [
        _figure(duration(status.downtime()), _outages(status), "main", _down_style(status)),
        _figure(size(held) if held else "…", f"moved in {kinds}"),
        _figure(
            f"{whole} of {len(proofs)}" if proofs else "…",
            "comparisons found both servers equal" if proofs else "nothing was compared yet",
            style="" if not proofs else "good" if whole == len(proofs) else "bad",
        ),
    ]
    return "".join(figures)


def _down_style(status: Status) -> str:
    return "bad" if status.down else ""


def _figure(value: str, meaning: str, kind: str = "", style: str = "") -> str:
    return f'<div class="figure {kind}"><b class="{style}">{value}</b><span>{meaning}</span></div>'


def _outages(status: Status) -> str:
    if not status.outages:
        return "without service so far"
    spans = [
        (moment(outage.began), "now" if outage.ended is None else clock(outage.ended))
        for outage in status.outages
    ]
    return "without service" + "".join(f"<br>{began} to {ended}" for began, ended in spans)


def _bytes(part: PartView) -> float:
    return part.rest.total if part.rest and part.rest.unit == "bytes" else part.largest


def _problem(status: Status) -> str:
    if status.problem is None:
        return ""
    said = _shown(status.problem.what)
    return f'<section><h2 class="bad">Stopped by an error</h2><p>{said}</p></section>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Cells are HTML already; the heads stand beside each cell on a narrow screen."""
    kinds = [' class="number"' if index in numbers else "" for index in range(len(heads))]
    head = "".join(f"<th{kind}>{name}</th>" for kind, name in zip(kinds, heads, strict=True))
    body = "".join(f"<tr>{_cells(heads, kinds, cells)}</tr>" for cells in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(heads: Sequence[str], kinds: Sequence[str], cells: Sequence[str]) -> str:
    # The first cell names its row: no head is needed beside it.
    names = ["", *(f' data-name="{head}"' for head in heads[1:])]
    return "".join(
        f"<td{kind}{name}>{cell}</td>" for kind, name, cell in zip(kinds, names, cells, strict=True)
    )


def _moved(status: Status) -> str:
    parts = [part for part in status.told if part.kind != "other" and part.moves]
    if not parts:
        return '<p class="soft">Nothing was moved yet.</p>'
    rows = [
        (
            f"<code>{_shown(part.name)}</code>",
            "files" if part.kind == "tree" else "database",
            _held(part),
            moment(part.moved) if part.moved is not None else "not copied yet",
            "" if part.moved is None else _shown(standing(part)),
        )
        for part in parts
    ]
    return _table(("what", "kind", "size", "last copied", "state"), rows, (2,))


def _expected(status: Status) -> str:
    """What was thought of the downtime, beside what it was."""
    made = status.forecast
    if made is None:
        return '<p class="soft">Nothing was measured yet.</p>'
    took = outage_steps(status)
    rows = [_account(name, parts, took) for name, parts in by_account(made.parts).items()]
    whole = duration(status.downtime()) if status.outages else ""
    rows.append(("<b>in all</b>", _from_to(made.seconds, made.low, made.high), whole, _BESIDE))
    return _table(("what", "expected", "measured", "founded on"), rows)


def _account(
    name: str, parts: Sequence[Mapping[str, Any]], took: Mapping[str, float]
) -> tuple[str, str, str, str]:
    seconds, low, high = (sum(part[key] for part in parts) for key in ("seconds", "low", "high"))
    measured = [took[part["step"]] for part in parts if part["step"] in took]
    basis = max(parts, key=lambda part: float(part["seconds"]))["basis"]
    told = duration(sum(measured)) if measured else ""
    return name, _from_to(seconds, low, high), told, _shown(basis)


def _from_to(seconds: float, low: float, high: float) -> str:
    return f"{duration(seconds)} ({between(duration(low), duration(high))})"


def _held(part: PartView) -> str:
    if part.kind == "tree":
        return size(_bytes(part)) if _bytes(part) else ""
    tables = part.proofs.get("tables")
    return several(tables[1].compared, "table") if tables else ""


def _proved(status: Status) -> str:
    proofs = [found for part in status.parts.values() for found in part.proofs.values()]
    if not proofs:
        return '<p class="soft">Nothing was compared yet.</p>'
    rows = [
        (
            f"<code>{_shown(proof.part)}</code>",
            _equal(proof),
            _verdict(proof),
            moment(at),
        )
        for at, proof in proofs
    ]
    return _table(("what", "equal on both servers", "verdict", "when"), rows)


def _equal(proof: Proof) -> str:
    if not proof.compared:
        return f"nothing to compare ({_shown(proof.unit)})"
    said = f"{count(proof.equal)} of {count(proof.compared)} {_shown(proof.unit)}"
    said += f" ({percent(proof.equal, proof.compared)})"
    return said + (f", {count(proof.since)} changed by people since" if proof.since else "")


def _verdict(proof: Proof) -> str:
    """Equal or not, with every difference that is named, and where those are that aren't."""
    said = ("good", "equal") if proof.whole else ("bad", "not equal")
    shown = [f"<code>{_shown(name)}</code>" for name in proof.differing]
    more = proof.compared - proof.equal - len(shown)
    if more > 0 and shown:
        shown.append(f"and {count(more)} more, in differences.txt beside the journal")
    first, rest = shown[:_OPEN], shown[_OPEN:]
    folded = f"<details><summary>{count(len(rest))} more lines</summary>{_lines(rest)}</details>"
    notes = [f'<span class="soft">{_shown(note)}</span>' for note in proof.notes]
    verdict = f'<span class="{said[0]}">{said[1]}</span>'
    return verdict + _lines([*first, *notes]) + (folded if rest else "")


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"<br>{line}" for line in lines)


def _found(status: Status) -> str:
    if not status.findings:
        return '<p class="soft">Nothing is noted that needed attention.</p>'
    rows = []
    for finding in status.findings:
        said, style = _SEVERITIES.get(finding.severity, (_shown(finding.severity), ""))
        told = f"<b>{_shown(finding.seen)}</b>"
        told += f"<br>{_shown(finding.why)}" if finding.why else ""
        told += f"<br>Remedy: {_shown(finding.remedy)}" if finding.remedy else ""
        where = _WHERE.get(finding.where, _shown(finding.where))
        rows.append((f'<span class="{style}">{said}</span>', where, told))
    return _table(("weight", "where", "what"), rows)


def _took(status: Status) -> str:
    """Time and memory of each command."""
    rows = [tuple(map(_shown, cells)) for cells in cost.rows(status)]
    if not rows:
        return '<p class="soft">No command came to its end yet.</p>'
    said = '<p class="soft">Memory is the most that one process took.</p>'
    return said + _table(cost.HEADS, rows, (2, 3, 4, 5))


def _back(status: Status) -> str:
    states = [change.state for change in status.changes.values()]
    undone, kept = states.count("undone"), states.count("kept")
    if status.rolled_back:
        said = (
            f"The move was taken back: {several(undone, 'change')} undone, {kept} left as they are "
            "because they do no harm. The old server serves as before."
        )
    elif status.finished:
        said = "The move is finished. There is no way back any more."
    elif status.opened and not status.past_return:
        said = f"People are served by the new server. The way back: {returning.told(status)}."
    elif status.past_return:
        said = (
            "People are served by the new server, so going back would leave behind what came since"
            f": {line(status.return_reason)}."
        )
    elif states:
        said = "Until people are served by the new server, every change can be taken back."
    else:
        said = "Nothing was changed, so there is nothing to take back."
    return f"<p>{html.escape(said)}</p>"


def _changes(status: Status) -> str:
    if not status.changes:
        return '<p class="soft">Nothing was changed.</p>'
    made = "".join(_change(change) for change in status.changes.values())
    return f'<p class="soft">Each with what was typed, and what would take it back.</p>{made}'


def _change(change: ChangeView) -> str:
    style = "bad" if change.state == "failed" else "soft"
    took = f", {duration(change.seconds)}" if change.seconds is not None else ""
    state = f"{_STATES[change.state]}, {moment(change.at)}{took}"
    error = f'<p class="bad">{_shown(change.error)}</p>' if change.error else ""
    return (
        f'<details><summary>{_shown(change.title)} <span class="{style}">{state}</span></summary>'
        f'<div class="inner">{error}{_pre(command_lines(change))}'
        f'<p class="soft">way back</p>{_pre(backward_lines(change))}</div></details>'
    )


def _pre(lines: Sequence[str]) -> str:
    return f"<pre>{html.escape(visible(chr(10).join(lines), keep=chr(10)))}</pre>"


def _identity(status: Status, facts: Mapping[str, str]) -> str:
    versions = ", ".join(dict.fromkeys(walk.version for walk in status.walks if walk.version))
    known = {
        "old server": status.source,
        "its host key": status.host_key,
        "new server": status.target,
        "addresses": ", ".join(status.addresses) or "the new server keeps its own",
        "kind of server": status.profile,
        "transhume": versions,
        **facts,
    }
    rows = [
        (_shown(name), f"<code>{_shown(value)}</code>") for name, value in known.items() if value
    ]
    return _table(("", ""), rows)
