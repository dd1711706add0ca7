"""The ways that lead through a device, which may vanish with one of its addresses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from transhume.core.at_once import at_once
from transhume.core.change import Place, Run
from transhume.core.host import Host
from transhume.steps.network.edit import Interface, Ip, NotUnderstood, ip
from transhume.steps.network.links import shown_by

# What the kernel or a router made comes back by itself, or must not be kept.
_MADE_BY_ITSELF = ("kernel", "ra", "redirect")
_WORDS = (
    ("gateway", "via"),
    ("protocol", "proto"),
    ("scope", "scope"),
    ("metric", "metric"),
    ("table", "table"),
)


@dataclass(frozen=True)
class Route:
    """One way, as `ip route replace` takes it."""

    version: int
    words: tuple[str, ...]
    gateway: Ip | None
    source: Ip | None
    """The address that packets on this way come from, where one is set."""

    def reached(self, addresses: Iterable[Interface]) -> bool:
        """Whether the way still begins at the device with these addresses."""
        gateway = self.gateway
        if gateway is None or gateway.is_link_local or "onlink" in self.words:
            return True
        return any(gateway in address.network for address in addresses)

    def put(self, place: Place, device: str) -> Run:
        """The command that puts it in its place, or leaves it there."""
        source = ("src", str(self.source)) if self.source else ()
        argv = ("ip", f"-{self.version}", "route", "replace", *self.words, *source, "dev", device)
        return Run(place, argv)


def routes(host: Host, device: str) -> list[Route]:
    """The ways through the device that somebody set up."""
    found = []
    versions = (4, 6)
    argvs = [("ip", f"-{each}", "-j", "route", "show", "table", "all", "dev") for each in versions]
    every = at_once([partial(shown_by, host, *argv, device) for argv in argvs])
    for version, routed in zip(versions, every, strict=True):
        for shown in routed:
            if shown.get("protocol") not in _MADE_BY_ITSELF and shown.get("type") != "multicast":
                found.append(_route(version, device, shown))
    # A gateway can only be named once the way to it is there.
    return sorted(found, key=lambda route: route.gateway is not None)


def _route(version: int, device: str, shown: dict[str, Any]) -> Route:
    if any(key in shown for key in ("nexthops", "encap", "via", "nhid")):
        raise NotUnderstood(f"the route to {shown.get('dst')} through {device} isn't a plain one")
    words = [str(shown["type"])] if shown.get("type") else []
    words.append(str(shown["dst"]))
    for key, word in _WORDS:
        if shown.get(key) not in (None, ""):
            words += [word, str(shown[key])]
    for metric in shown.get("metrics", ()):
        words += [part for key, value in metric.items() for part in (key, str(value))]
    words += ["onlink"] if "onlink" in shown.get("flags", ()) else []
    gateway, source = ip(str(shown.get("gateway", ""))), ip(str(shown.get("prefsrc", "")))
    return Route(version, tuple(words), gateway, source)


def without(
    known: Iterable[Route], leaving: Iterable[Ip], staying: Sequence[Interface]
) -> list[Route]:
    """What of the ways there should be once some addresses have left the device."""
    gone = set(leaving)
    kept = [route for route in known if route.reached(staying)]
    return [
        Route(route.version, route.words, route.gateway, None) if route.source in gone else route
        for route in kept
    ]


def default_versions(host: Host) -> frozenset[int]:
    """The families for which the machine has a way to everywhere."""
    return frozenset(
        version
        for version in (4, 6)
        if shown_by(host, "ip", f"-{version}", "-j", "route", "show", "default")
    )
