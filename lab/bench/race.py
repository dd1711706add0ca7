"""One move by each way, with mail flowing, the downtime seen from outside."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from lab import documented
from lab.bench import systemd
from lab.bench.result import PARTS, Run
from lab.compare import compare, mail
from lab.scene import Scene
from lab.traffic import accepted, downtime

_SETTLE = 60.0


def by_transhume(run: Scene) -> Run:
    """The move as the README tells it; what it did is read from its own status."""
    run.begin()
    with run.traffic() as (sent, probed):
        begun = time.monotonic()
        run.transhume("sync", "--follow")
        hot = time.monotonic() - begun
        run.transhume("cutover", "--yes")
    status = json.loads(run.transhume("status", "--json").stdout)
    recipient = run.filled["addresses"][0]
    result = compare(run.pair.source, run.pair.target, log=sent, probe_to=recipient)
    # Not by the tool's own steps: what they do beside it is the tool's share.
    down = status["service"]["outages"][-1]
    span = (down["began"], down["ended"])
    services = systemd.took(run.pair.source, "stop", *span)
    services += systemd.took(run.pair.target, "start", *span)
    parts = parts_of(status)
    return _seen(run, "transhume", parts, services, hot, (sent, probed), result.differences)


def parts_of(status: dict[str, Any]) -> dict[str, float]:
    """Seconds of the outage by part."""
    parts = dict.fromkeys(PARTS, 0.0)
    for step in status["forecast"]["parts"]:
        parts[step["account"]] += step["measured"] or 0.0
    return {part: round(seconds, 3) for part, seconds in parts.items()}


def by_the_page(run: Scene) -> Run:
    """The documented procedure, typed line by line; where it stumbles over itself it is helped."""
    documented.favour.usual_password(run.pair)
    documented.favour.without_sessions(run.pair.target)
    with run.traffic() as (sent, probed):
        begun = time.monotonic()
        documented.run(run.pair, ("hot",))
        hot = time.monotonic() - begun
        account = documented.run(run.pair, ("cold", "replace", "after"))
    parts = typed_parts(account)
    return _seen(run, "documented", parts, parts["stop"] + parts["start"], hot, (sent, probed))


def typed_parts(account: Iterable[documented.Typed]) -> dict[str, float]:
    """Seconds by part of what was typed while people were shut out."""
    parts = dict.fromkeys(PARTS, 0.0)
    for each in account:
        parts[each.part] += each.seconds
    return {part: round(seconds, 3) for part, seconds in parts.items()}


def _seen(
    run: Scene,
    way: str,
    parts: dict[str, float],
    services: float,
    hot: float,
    logs: tuple[Path, Path],
    differences: Sequence[str] = (),
) -> Run:
    sent, probed = logs
    outages = {name: outage.longest for name, outage in downtime(probed).items()}
    fate = mail.settled(run.pair.target, accepted(sent), _SETTLE)
    return Run(
        way,
        round(max(outages.values()), 2),
        parts,
        round(services, 3),
        {name: round(seconds, 2) for name, seconds in outages.items()},
        round(hot, 2),
        fate.accepted,
        len(fate.missing),
        len(fate.doubled),
        list(differences),
    )


WAYS: dict[str, Callable[[Scene], Run]] = {"documented": by_the_page, "transhume": by_transhume}
