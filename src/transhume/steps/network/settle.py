"""The steps that wait until the kernel lets a machine use the addresses that it has taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from transhume.core.change import Change, Keep, Series
from transhume.core.finding import Finding
from transhume.core.host import Pair
from transhume.core.recalled import Recalled
from transhume.core.step import Step
from transhume.steps.network.edit import Interface
from transhume.steps.network.links import arrived, held, usable
from transhume.steps.network.place import Addresses, listed, own


@dataclass(frozen=True)
class Settle(Step):
    """For IPv6 the kernel asks around for a second or two (RFC 4862, 5.4), and a daemon that has
    read its files anew may have taken the addresses away for a moment."""

    addresses: Addresses
    key = "settle-address"
    title = "wait until the address can be used"
    why = "Services start meanwhile; nobody is let in before the kernel has made sure of it."
    phase = "cutover"
    account = "address"
    usual = (0.5, 3.0)
    former: Recalled[list[Interface]] = field(repr=False, compare=False)
    """The addresses that the target had of its own before it took these: one of them may be gone
    at this moment, which nobody could see now."""

    def run(self, pair: Pair) -> Iterator[Change]:
        device, service = self.addresses.target_device, self.addresses.service
        kept = self.former.take(pair) or own(pair.target, self.addresses)
        act = Series((usable("target", device, kept), arrived("target", device, service)))
        yield Change(f"wait for {listed(service)}", act, Keep("it only waited"))

    def verify(self, pair: Pair) -> Iterator[Finding]:
        known = held(pair.target, self.addresses.target_device)
        good = {each.address.ip for each in known if each.usable}
        for address in self.addresses.service:
            if address.ip not in good:
                text = f"{address.ip} can't be used on {self.addresses.target_device}"
                yield Finding("address-lacks", "blocks", "target", text, self.why)


@dataclass(frozen=True)
class SettleBack(Step):
    """The same on the way back: what is done before the stop is taken back after the start."""

    addresses: Addresses
    key = "source-address"
    title = "see that the source can use its address"
    why = (
        "On the way back its services start while the kernel makes sure; then neighbours are told."
    )
    phase = "cutover"
    touches = frozenset({"source"})

    def run(self, pair: Pair) -> Iterator[Change]:
        device, service = self.addresses.source_device, self.addresses.service
        known = {each.address.ip for each in held(pair.source, device)}
        if all(address.ip in known for address in service):
            act, back = usable("source", device, service), arrived("source", device, service)
            yield Change(f"look for {listed(service)} on {device}", act, back)
