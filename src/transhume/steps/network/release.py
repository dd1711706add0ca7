"""The step in which the source gives its addresses up, now and for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from transhume.core.at_once import at_once
from transhume.core.change import Act, Change, Series
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.recalled import Recalled
from transhume.core.step import Step
from transhume.steps.network.edit import Files, Interface, Ip, not_found
from transhume.steps.network.links import (
    Held,
    behind,
    device_exists,
    drops,
    family,
    held,
    holding,
    mention,
    promotion,
    put,
    second,
    singly,
    usable,
)
from transhume.steps.network.managers import Manager, exchanged, rewritten
from transhume.steps.network.place import Addresses, configuration, listed, understood
from transhume.steps.network.routes import Route, routes, without


@dataclass(frozen=True)
class Release(Step):
    """First at once and then on disk, so that the way back ends with what holds at once.

    A source that reboots in between comes up with its addresses again: the target takes them
    only after both was proved, so nobody else has them then.
    """

    addresses: Addresses
    key = "release-address"
    title = "take the address from the source"
    why = "Two machines with one address are both reached by chance only."
    phase = "cutover"
    account = "address"
    usual = (0.5, 2.0)
    rows = (17,)
    touches = frozenset({"source"})
    manager: Recalled[Manager] = field(
        default_factory=Recalled, init=False, repr=False, compare=False
    )
    """What manages the device, for who reads its files right after."""

    def check(self, pair: Pair) -> Iterator[Finding]:
        source, device = pair.source, self.addresses.source_device
        if not device_exists(source, device):
            text, remedy = f"it has no device {device}", "look with: ip addr; name another one"
            yield Finding("source-device", "blocks", "source", text, self.why, remedy)
            return
        if not self._moved(pair):
            yield from self._not_held(source)
            yield from understood(source, lambda: self._files(source, *self._managed(pair)))

    def _moved(self, pair: Pair) -> bool:
        return all(holding(pair.target, address.ip) for address in self.addresses.service)

    def _not_held(self, source: Host) -> Iterator[Finding]:
        known = {each.address.ip: each for each in held(source, self.addresses.source_device)}
        for address in self.addresses.service:
            here = known.get(address.ip)
            if here is None:
                text = f"{address.ip} isn't on {self.addresses.source_device}"
                yield Finding("address-absent", "blocks", "source", text, "", _LOOK)
            elif not here.fixed:
                text = f"{address.ip} was given to it by another machine (DHCP)"
                yield Finding("address-given", "blocks", "source", text, self.why, _ELSEWHERE)
            elif here.address != address:
                text = f"it holds {here.address}, the settings say {address}"
                yield Finding("address-prefix", "warns", "source", text, "", _LOOK)

    def run(self, pair: Pair) -> Iterator[Change]:
        source, device = pair.source, self.addresses.source_device
        known = held(source, device)
        leaving = [each for each in known if self.addresses.serves(each.address.ip)]
        promote = promotion(source, device)
        if promote and leaving:
            yield promote
        if leaving:
            yield self._at_once(source, known, leaving)
        manager, known_files = self._managed(pair)
        self.manager.keep(pair, manager)
        files = self._files(source, manager, known_files)
        if files:
            yield files

    def _managed(self, pair: Pair) -> tuple[Manager, Files]:
        """Its files as they are now. What manages it may have been seen a moment ago: systemd,
        asked while it reads all units anew for the masks, would answer only after that."""
        manager, device = self.manager.take(pair), self.addresses.source_device
        if manager is None:
            return configuration(pair.source, device)
        return manager, manager.read(pair.source, device)

    def _at_once(self, source: Host, known: list[Held], leaving: list[Held]) -> Change:
        device, former = self.addresses.source_device, routes(source, self.addresses.source_device)
        addresses = [each.address for each in leaving]
        gone = {address.ip for address in addresses}
        staying = [each.address for each in known if each not in leaving]
        kept = without(former, gone, [*staying, *self.addresses.maintenance])
        act = Series(
            (
                *drops("source", device, addresses),
                *(route.put("source", device) for route in kept),
            )
        )
        back = Series(
            (
                *(put("source", device, each.address, each.options) for each in leaving),
                # Its services start before the maintenance address goes.
                singly("source", device),
                *behind("source", device, second(known, leaving)),
                # Of IPv6 the neighbours are told by `SettleBack`, once the kernel has asked around.
                *(mention("source", device, four) for four in [family(addresses, 4)] if four),
                *self._named(addresses, former),
                *(route.put("source", device) for route in former),
            )
        )
        return Change(f"take {listed(addresses)} from {device}", act, back)

    def _named(self, addresses: list[Interface], former: list[Route]) -> tuple[Act, ...]:
        """Wait for those that a route names: until it has asked around the kernel refuses it."""
        names = {route.source for route in former}
        named = [each for each in family(addresses, 6) if each.ip in names]
        return (usable("source", self.addresses.source_device, named),) if named else ()

    def _files(self, source: Host, manager: Manager, files: Files) -> Change | None:
        device, service = self.addresses.source_device, self.addresses.service
        durable = manager.holds(files, device)
        for each in held(source, device):
            if self.addresses.serves(each.address.ip) and each.address.ip not in durable:
                raise not_found(each.address.ip, device, f"the files of {manager.name}")
        edits = exchanged(manager, files, device, service, self.addresses.maintenance)
        settled = usable("source", device, self._staying(source))
        restored = usable("source", device, family(service, 4))
        return rewritten(source, manager, device, edits, settled, restored)

    def _staying(self, source: Host) -> list[Interface]:
        known = held(source, self.addresses.source_device)
        staying = [each.address for each in known if each.fixed and each.usable]
        return [
            address
            for address in (*staying, *self.addresses.maintenance)
            if not self.addresses.serves(address.ip)
        ]

    def verify(self, pair: Pair) -> Iterator[Finding]:
        after_reboot = partial(self._after_reboot, pair)
        still, durable = at_once([partial(self._held_now, pair.source), after_reboot])
        for address in self.addresses.service:
            if address.ip in still:
                text = f"it still holds {address.ip}"
                yield Finding("address-kept", "blocks", "source", text, self.why)
            if address.ip in durable:
                text = f"a reboot would give {address.ip} back to it"
                yield Finding("address-kept", "blocks", "source", text, self.why)

    def _after_reboot(self, pair: Pair) -> frozenset[Ip]:
        manager, files = self._managed(pair)
        return manager.holds(files, self.addresses.source_device)

    def _held_now(self, source: Host) -> frozenset[Ip]:
        ips = [address.ip for address in self.addresses.service]
        found = at_once([partial(holding, source, ip) for ip in ips])
        return frozenset(ip for ip, holds in zip(ips, found, strict=True) if holds)


_LOOK = "compare with `ip addr` on the source, and correct [address]"
_ELSEWHERE = 'move it where it is given: [address] how = "manual", or how = "script"'
