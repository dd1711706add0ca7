"""The step that gives the source an address over which it stays reachable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.change import Change, Reroute, Series
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.step import Step
from transhume.steps.network.edit import Interface, Ip
from transhume.steps.network.links import card, device_exists, drops, held, promotion, put, usable
from transhume.steps.network.managers import exchanged, rewritten
from transhume.steps.network.neighbours import holder, listens, reached_at
from transhume.steps.network.place import Addresses, configuration, listed, understood, written


@dataclass(frozen=True)
class Maintenance(Step):
    """Without it the way to the source would end at the target once the address has moved."""

    addresses: Addresses
    key = "maintenance-address"
    title = "keep a way to the source"
    why = "The source stays reachable for the way back after it gave up its address."
    phase = "cutover"
    touches = frozenset({"source"})

    def check(self, pair: Pair) -> Iterator[Finding]:
        source, wanted = pair.source, self.addresses.maintenance
        yield from self._needed(reached_at(source))
        if any(self.addresses.serves(address.ip) for address in wanted):
            text = f"{listed(wanted)} names an address that moves to the target"
            yield Finding("maintenance-moves", "blocks", "source", text, _ONE_HOLDER, _NAME_ONE)
        if wanted:
            yield from understood(source, lambda: self._files(source))
            yield from self._free(pair)

    def _needed(self, at: Ip | None) -> Iterator[Finding]:
        if self.addresses.maintenance:
            return
        if at is None:
            text = "the source doesn't say on which of its addresses it is being reached"
            yield Finding("way-unknown", "unknown", "source", text, self.why, _NAME_ONE)
        elif self.addresses.serves(at):
            text = f"it is reached at {at}, which moves to the target"
            yield Finding("maintenance-missing", "blocks", "source", text, self.why, _NAME_ONE)

    def _free(self, pair: Pair) -> Iterator[Finding]:
        lacking = self._lacking(pair.source)
        # The source itself may have held it a moment ago, before a way back.
        device = self.addresses.source_device
        own = card(pair.source, device) if device_exists(pair.source, device) else ""
        for address in lacking:
            other = holder(pair.target, self.addresses.target_device, address.ip)
            if other and other != own:
                text = f"{other} answers for {address.ip}"
                yield Finding("maintenance-taken", "blocks", "source", text, _ONE_HOLDER, _NAME_ONE)
            if not listens(pair.source, address.ip):
                text = f"sshd doesn't listen on {address.ip}"
                remedy = "add the address to ListenAddress in sshd_config, or remove that setting"
                yield Finding("maintenance-sshd", "blocks", "source", text, self.why, remedy)

    def run(self, pair: Pair) -> Iterator[Change]:
        source, device = pair.source, self.addresses.source_device
        lacking = self._lacking(source)
        promote = promotion(source, device)
        if promote and lacking:
            yield promote
        if lacking:
            there = tuple(put("source", device, address) for address in lacking)
            back = Series(drops("source", device, lacking))
            act = Series((*there, usable("source", device, lacking)))
            yield Change(f"add {listed(lacking)} to {device}", act, back)
        files = self._files(source)
        if files:
            yield files
        yield from self._reroute(reached_at(source))

    def _lacking(self, source: Host) -> list[Interface]:
        known = held(source, self.addresses.source_device)
        good = {each.address.ip for each in known if each.usable}
        return [each for each in self.addresses.maintenance if each.ip not in good]

    def _files(self, source: Host) -> Change | None:
        device, wanted = self.addresses.source_device, self.addresses.maintenance
        manager, files = configuration(source, device)
        edits = exchanged(manager, files, device, (), wanted)
        known = [each.address for each in held(source, device) if each.fixed]
        # These may be held already, and must not be waited for on the way back.
        added = {address.ip for address in wanted}
        before = [address for address in known if address.ip not in added]
        settled = usable("source", device, [*before, *wanted])
        restored = usable("source", device, before)
        return rewritten(source, manager, device, edits, settled, restored)

    def _reroute(self, at: Ip | None) -> Iterator[Change]:
        if at is None or not self.addresses.serves(at):
            return
        ways = sorted(self.addresses.maintenance, key=lambda way: way.version != at.version)
        for way in ways[:1]:
            yield Change(f"reach the source at {way.ip}", Reroute(str(way.ip)), Reroute(""))

    def verify(self, pair: Pair) -> Iterator[Finding]:
        for address in self._lacking(pair.source):
            yield Finding("maintenance-lost", "blocks", "source", f"it doesn't hold {address.ip}")
        if self.addresses.maintenance:
            durable = written(pair.source, self.addresses.source_device)
            for address in self.addresses.maintenance:
                if address.ip not in durable:
                    text = f"{address.ip} would be lost at a reboot"
                    yield Finding("maintenance-lost", "blocks", "source", text)
        at = reached_at(pair.source)
        if self.addresses.serves(at):
            text = f"it is still reached at {at}, which moves to the target"
            yield Finding("maintenance-missing", "blocks", "source", text)


_ONE_HOLDER = "Two machines with one address are both reached by chance only."
_NAME_ONE = "name a free address of the source's network in [address] maintenance"
