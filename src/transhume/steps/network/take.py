"""The step in which the target takes the addresses, now and for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from transhume.core.change import Change, Series
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.recalled import Recalled
from transhume.core.step import Step
from transhume.steps.network.edit import Interface
from transhume.steps.network.links import (
    card,
    device_exists,
    drops,
    family,
    held,
    holding,
    mention,
    probe,
    promotion,
    put,
    usable,
)
from transhume.steps.network.managers import exchanged, rewritten
from transhume.steps.network.neighbours import SOMEBODY, holder
from transhume.steps.network.place import Addresses, configuration, listed, own, understood, written
from transhume.steps.network.routes import default_versions


@dataclass(frozen=True)
class Take(Step):
    """At once, with word to the neighbours, and then on disk; `Settle` waits for IPv6.

    In this order the way back clears the disk first: a target that reboots in its middle doesn't
    come up with an address that the source has again.
    """

    addresses: Addresses
    key = "take-address"
    title = "give the address to the target"
    why = "People and other servers find the new machine where the old one was."
    phase = "cutover"
    account = "address"
    usual = (0.7, 2.0)
    rows = (17,)
    former: Recalled[list[Interface]] = field(
        default_factory=Recalled, init=False, repr=False, compare=False
    )
    """The target's own addresses, for who waits for all of them."""

    def check(self, pair: Pair) -> Iterator[Finding]:
        target, device = pair.target, self.addresses.target_device
        if not device_exists(target, device):
            text, remedy = f"it has no device {device}", "look with: ip addr; name another one"
            yield Finding("target-device", "blocks", "target", text, self.why, remedy)
            return
        yield from understood(target, lambda: self._files(target, own(target, self.addresses)))
        yield from self._held_by_others(pair)
        yield from self._ways(pair)
        yield from self._outgoing(target)

    def _held_by_others(self, pair: Pair) -> Iterator[Finding]:
        for address in self._lacking(pair.target):
            at_source = holding(pair.source, address.ip)
            own = card(pair.source, self.addresses.source_device) if at_source else ""
            other = holder(pair.target, self.addresses.target_device, address.ip)
            if other and other != own and not (at_source and other == SOMEBODY):
                text = f"the machine with the card {other} answers for {address.ip}"
                remedy = "find that machine, and give it another address"
                yield Finding("address-taken", "blocks", "both", text, _TWO, remedy)

    def _ways(self, pair: Pair) -> Iterator[Finding]:
        for version in sorted({address.version for address in self.addresses.service}):
            if version in default_versions(pair.source) - default_versions(pair.target):
                text = f"it has no default route for IPv{version}, which the source has"
                why = "Whoever is outside its own network would get no answer."
                remedy = f"give it the gateway of the source for IPv{version}"
                yield Finding(f"no-gateway-{version}", "warns", "target", text, why, remedy)

    def _outgoing(self, target: Host) -> Iterator[Finding]:
        wanted = {address.version for address in self.addresses.service}
        for each in held(target, self.addresses.target_device):
            if each.address.version in wanted and not self.addresses.serves(each.address.ip):
                text = f"it keeps {each.address.ip}: what it sends comes from there, not only from "
                text += listed(self.addresses.service)
                why = "Receivers compare the sender with SPF and with the name of its address."
                remedy = "name both in SPF and in DNS, or set smtp_bind_address in Postfix"
                yield Finding("outgoing-address", "warns", "target", text, why, remedy)
                return

    def run(self, pair: Pair) -> Iterator[Change]:
        target, device = pair.target, self.addresses.target_device
        lacking, kept = self._lacking(target), own(target, self.addresses)
        promote = promotion(target, device)
        if promote and lacking:
            yield promote
        if lacking:
            self.former.keep(pair, kept)
            yield self._at_once(target, lacking)
        files = self._files(target, kept)
        if files:
            yield files

    def _lacking(self, target: Host) -> list[Interface]:
        known = held(target, self.addresses.target_device)
        good = {each.address.ip for each in known if not each.failed}
        return [address for address in self.addresses.service if address.ip not in good]

    def _at_once(self, target: Host, lacking: list[Interface]) -> Change:
        device = self.addresses.target_device
        failed = [each.address for each in held(target, device) if each.failed]
        act = Series(
            (
                # The kernel asks around anew only for an address that wasn't there.
                *drops("target", device, [each for each in failed if each in lacking]),
                probe("target", device, lacking),
                *(put("target", device, each) for each in lacking),
                # IPv6 can't be told of before the kernel has asked around.
                *(mention("target", device, four) for four in [family(lacking, 4)] if four),
            )
        )
        back = Series(drops("target", device, lacking))
        return Change(f"take {listed(lacking)} on {device}", act, back)

    def _files(self, target: Host, kept: list[Interface]) -> Change | None:
        device, service = self.addresses.target_device, self.addresses.service
        manager, files = configuration(target, device)
        edits = exchanged(manager, files, device, (), service)
        # What starts next binds to these: a daemon that reads its files anew takes the addresses
        # away for a moment.
        there = usable("target", device, family([*kept, *service], 4))
        return rewritten(target, manager, device, edits, there, usable("target", device, kept))

    def verify(self, pair: Pair) -> Iterator[Finding]:
        for address in self._lacking(pair.target):
            text = f"{address.ip} can't be used on {self.addresses.target_device}"
            yield Finding("address-lacks", "blocks", "target", text, self.why)
        durable = written(pair.target, self.addresses.target_device)
        for address in self.addresses.service:
            if address.ip not in durable:
                text = f"{address.ip} would be lost at a reboot"
                yield Finding("address-lacks", "blocks", "target", text, self.why)


_TWO = "Two machines with one address are both reached by chance only."
