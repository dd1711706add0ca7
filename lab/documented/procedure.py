"""The page's phases on a pair of machines: hot, cold, the exchange, and what comes after."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Literal, get_args

from lab import netconf, network
from lab.documented import page
from lab.documented.page import Line
from lab.documented.typist import Part, Shell, Typed, Typist
from lab.machine import Machine
from lab.pair import Pair

Phase = Literal["hot", "cold", "replace", "after"]
PHASES: tuple[Phase, ...] = get_args(Phase)


def run(pair: Pair, phases: Iterable[Phase] = PHASES) -> list[Typed]:
    """Type these phases, whatever comes of any line, and return the account of all of them.

    Nothing is looked at that the page doesn't tell the admin to look at. After `replace` the
    source is off, and the target stands at its address.
    """
    account: list[Typed] = []
    for phase in phases:
        _PHASES[phase](pair, account)
    return account


def type_lines(machine: Machine, phase: str, lines: Iterable[Line]) -> list[Typed]:
    """Type some of the page's lines into one shell; returns their account."""
    account: list[Typed] = []
    with Shell(machine) as shell:
        typist = Typist(shell, phase, account)
        for line in lines:
            typist.line(line.row, line.part, line.text, enters=line.enters)
    return account


def hot(pair: Pair, account: list[Typed]) -> None:
    """Rows 7 to 9."""
    account += type_lines(pair.target, "hot", page.hot())


def cold(pair: Pair, account: list[Typed]) -> None:
    """Rows 10 to 16."""
    for machine in pair.machines:
        account += type_lines(machine, "cold", page.stop(10))
    account += type_lines(pair.target, "cold", page.cold())


def replace(pair: Pair, account: list[Typed]) -> None:
    """Row 17: the source off, its address in the target's own settings, the target restarted."""
    _done(account, pair.source, "address", "poweroff", pair.source.poweroff)
    account += type_lines(pair.target, "replace", _readdressed(pair))
    _done(account, pair.target, "start", "reboot", pair.target.reboot)


def _readdressed(pair: Pair) -> Iterable[Line]:
    own, service = network.TARGET, network.SERVICE
    script = f"s#{own.v4}#{service.v4}#; s#{own.v6}#{service.v6}#"
    for path in netconf.files(pair.shape.target_network, own):
        yield Line(17, "address", f"sed -i '{script}' /{path}")


def _done(
    account: list[Typed], machine: Machine, part: Part, what: str, act: Callable[[], None]
) -> None:
    at, begun = time.time(), time.monotonic()
    act()
    seconds = time.monotonic() - begun
    account.append(Typed("replace", 17, part, machine.role, what, 0, at, seconds, 0, ""))


def after(pair: Pair, account: list[Typed]) -> None:
    """Rows 18 to 21."""
    account += type_lines(pair.target, "after", page.after())


_PHASES: dict[Phase, Callable[[Pair, list[Typed]], None]] = {
    "hot": hot,
    "cold": cold,
    "replace": replace,
    "after": after,
}
