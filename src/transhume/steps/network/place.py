"""What the steps know of the addresses: the settings as addresses, and both ends' manager."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_interface

from transhume.core.finding import Finding
from transhume.core.host import Host
from transhume.core.settings import AddressSettings
from transhume.steps.network.edit import Files, Interface, Ip, NotUnderstood
from transhume.steps.network.links import settled
from transhume.steps.network.managers import Manager, manager_of


@dataclass(frozen=True)
class Addresses:
    """Which addresses move between which devices, and which ones the source keeps to be reached."""

    service: tuple[Interface, ...]
    maintenance: tuple[Interface, ...]
    source_device: str
    target_device: str

    @classmethod
    def of(cls, settings: AddressSettings) -> Addresses:
        """As the admin wrote them."""
        return cls(
            tuple(ip_interface(text) for text in settings.service),
            tuple(ip_interface(text) for text in settings.maintenance),
            settings.source_device,
            settings.target_device,
        )

    def serves(self, address: Ip | None) -> bool:
        """Whether it is one of those that move."""
        return address in {each.ip for each in self.service}


def own(target: Host, addresses: Addresses) -> list[Interface]:
    """What the target has for good, and can use, beside the addresses that move."""
    known = settled(target, addresses.target_device)
    return [each for each in known if not addresses.serves(each.ip)]


def configuration(host: Host, device: str) -> tuple[Manager, Files]:
    """What manages the device, and what it reads."""
    return manager_of(host, device)


def written(host: Host, device: str) -> frozenset[Ip]:
    """The addresses that the device has after a reboot."""
    manager, files = configuration(host, device)
    return manager.holds(files, device)


def understood(host: Host, tried: Callable[[], object]) -> Iterator[Finding]:
    """A finding when the network's configuration can't be edited."""
    try:
        tried()
    except NotUnderstood as error:
        yield Finding(
            f"network-{host.place}",
            "blocks",
            host.place,
            error.what,
            "The machine must come up with the right addresses after a reboot.",
            error.remedy,
        )


def listed(addresses: tuple[Interface, ...] | list[Interface]) -> str:
    """The addresses in a sentence."""
    return ", ".join(address.with_prefixlen for address in addresses)
