"""One command as a chart: its steps as bars on one scale, the time without service behind."""

from __future__ import annotations

import html
from collections.abc import Iterator

from transhume.ui.shape import Outage, Span, Status, Walk
from transhume.ui.words import clock, duration, line, moment

_OUTCOMES = {
    "running": "no end was noted",
    "done": "done",
    "failed": "stopped by an error",
    "interrupted": "interrupted by hand",
    "killed": "cut off",
}


def charts(status: Status) -> str:
    """A chart for each command that did something, the last switch open, the others folded."""
    walked = {span.walk for span in status.spans}
    walks = [walk for walk in status.walks if walk.id in walked or _outages(status, walk)]
    if not walks:
        return '<p class="soft">Nothing was done yet.</p>'
    switches = [walk for walk in walks if _outages(status, walk)]
    shown = (switches or walks)[-1]
    return _legend(status) + "".join(_chart(status, walk, walk is shown) for walk in walks)


def _legend(status: Status) -> str:
    keys = [("var(--bar)", "a step at work")]
    keys += [("var(--out)", "people were shut out")] if status.outages else []
    failed = any(span.state == "failed" for span in status.spans)
    keys += [("var(--bad)", "a step that stopped")] if failed else []
    spans = (
        f'<span class="key" style="background:{colour}"></span>{name}' for colour, name in keys
    )
    return f'<p class="soft">{" &nbsp; ".join(spans)}</p>'


def _chart(status: Status, walk: Walk, shown: bool) -> str:
    ended = _end(status, walk)
    head = (
        f"<b>transhume {html.escape(line(walk.command))}</b> "
        f'<span class="soft">{moment(walk.began)}, {duration(ended - walk.began)}, '
        f"{_OUTCOMES[walk.outcome]}</span>"
    )
    lanes = "".join(_lanes(status, walk, ended))
    axis = f'<div class="axis"><span>{clock(walk.began)}</span><span>{clock(ended)}</span></div>'
    inner = f'<div class="inner">{lanes}{axis}</div>'
    return f"<details{' open' if shown else ''}><summary>{head}</summary>{inner}</details>"


def _lanes(status: Status, walk: Walk, ended: float) -> Iterator[str]:
    spans: dict[str, list[Span]] = {}
    for span in status.spans:
        if span.walk == walk.id:
            spans.setdefault(span.key, []).append(span)
    outages = "".join(
        _bar("out", outage.began, ended if outage.ended is None else outage.ended, walk, ended)
        for outage in _outages(status, walk)
    )
    for key, own in spans.items():
        ends = [(span, ended if span.ended is None else span.ended) for span in own]
        bars = "".join(_bar(_style(span), span.began, end, walk, ended) for span, end in ends)
        took = duration(sum(end - span.began for span, end in ends))
        title = html.escape(line(status.steps[key].title))
        yield (
            f'<div class="lane"><span>{title}</span>'
            f'<div class="track">{outages}{bars}</div><span class="took">{took}</span></div>'
        )


def _style(span: Span) -> str:
    return "run failed" if span.state == "failed" else "run"


def _bar(style: str, began: float, end: float, walk: Walk, ended: float) -> str:
    whole = max(ended - walk.began, 0.001)
    left = min(max((began - walk.began) / whole, 0.0), 1.0)
    right = min(max((end - walk.began) / whole, left), 1.0)
    return f'<i class="{style}" style="left:{left:.3%};width:{right - left:.3%}"></i>'


def _end(status: Status, walk: Walk) -> float:
    if walk.ended is not None:
        return walk.ended
    # A command that was cut off noted no end: its last sign of life counts.
    own = [span.ended or span.began for span in status.spans if span.walk == walk.id]
    return status.as_of if walk.outcome == "running" else max([walk.began, *own])


def _outages(status: Status, walk: Walk) -> list[Outage]:
    ended = _end(status, walk)
    return [
        outage
        for outage in status.outages
        if outage.began < ended and (outage.ended is None or outage.ended > walk.began)
    ]
