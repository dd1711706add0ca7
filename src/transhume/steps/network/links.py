"""What the kernel holds on a device, and the commands that alter it at once."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transhume.core.change import Act, Await, Change, Place, Run, Series
from transhume.core.host import Host
from transhume.errors import StepFailed
from transhume.steps.network.edit import Interface, Ip, interface

DAD_SECONDS = 15
"""How long an IPv6 address may stay tentative: the kernel asks around before it uses it."""

_SCRIPT = Path(__file__).with_name("announce.py")
_TAKEN = 3

# Says what is the matter with an address that can't be used: tentative, dadfailed, or nothing.
_USABLE = (
    'for a; do ip -o addr show dev "$0" to "$a" -tentative | grep -q . || '
    '{ ip -o addr show dev "$0" to "$a" >&2; exit 1; }; done'
)

# In one go: it may be the address by which somebody types this.
_BEHIND = 'ip addr del "$1" dev "$0" && exec ip addr replace "$@" dev "$0"'


@dataclass(frozen=True)
class Held:
    """One address on a device."""

    address: Interface
    options: tuple[str, ...]
    """What `ip addr replace` needs beside it to make it the same again."""
    usable: bool
    fixed: bool
    """Whether it stays: not from DHCP, not made up by the kernel."""
    failed: bool


def device_exists(host: Host, device: str) -> bool:
    """Whether the machine has such a device."""
    return host.ask("ip", "-j", "link", "show", "dev", device).status == 0


def card(host: Host, device: str) -> str:
    """The link-layer address of the device."""
    (link,) = shown_by(host, "ip", "-j", "link", "show", "dev", device)
    return str(link.get("address", ""))


def index(host: Host, device: str) -> int:
    """The number of the device."""
    (link,) = shown_by(host, "ip", "-j", "link", "show", "dev", device)
    return int(link["ifindex"])


def held(host: Host, device: str) -> list[Held]:
    """The global addresses on the device."""
    links = shown_by(host, "ip", "-j", "addr", "show", "dev", device)
    found = (_held(each) for link in links for each in link.get("addr_info", ()))
    return [each for each in found if each is not None]


def _held(shown: dict[str, Any]) -> Held | None:
    address = interface(f"{shown.get('local')}/{shown.get('prefixlen')}")
    if address is None or shown.get("scope") == "link":
        return None
    words: list[str] = []
    for key, word in (("broadcast", "broadcast"), ("label", "label")):
        if address.version == 4 and shown.get(key):
            words += [word, str(shown[key])]
    if shown.get("noprefixroute"):
        words.append("noprefixroute")
    failed = bool(shown.get("dadfailed"))
    usable = not (failed or shown.get("tentative"))
    fixed = not (shown.get("dynamic") or shown.get("temporary") or shown.get("mngtmpaddr"))
    return Held(address, tuple(words), usable, fixed, failed)


def second(known: Sequence[Held], first: Collection[Held]) -> list[Held]:
    """Those of `known`, in the kernel's order, that stand behind one of `first` in its network."""
    return [
        each
        for number, each in enumerate(known)
        if each not in first
        and each.address.version == 4
        and any(
            head in first and head.address.network == each.address.network
            for head in known[:number]
        )
    ]


def settled(host: Host, device: str) -> list[Interface]:
    """The addresses that the device has for good, and can use."""
    return [each.address for each in held(host, device) if each.fixed and each.usable]


def shown_by(host: Host, *argv: str) -> list[dict[str, Any]]:
    """The objects that a command of iproute2 prints as JSON."""
    printed = host.read(*argv)
    try:
        # An empty object stands for what a filter left out.
        return [each for each in json.loads(printed or "[]") if each]
    except ValueError:
        raise StepFailed(f"{' '.join(argv)} on the {host.place} printed no JSON") from None


def holding(host: Host, address: Ip) -> bool:
    """Whether any device of the machine holds the address."""
    links = shown_by(host, "ip", "-j", "addr", "show", "to", str(address))
    return any(link.get("addr_info") for link in links)


def put(place: Place, device: str, address: Interface, options: Sequence[str] = ()) -> Run:
    """Give the device the address, whether or not it has it."""
    return Run(place, ("ip", "addr", "replace", *_words(address, options), "dev", device))


def _words(address: Interface, options: Sequence[str]) -> tuple[str, ...]:
    # Without the broadcast address a manager would take it for another one and put it anew.
    usual = ("broadcast", "+") if address.version == 4 and address.network.prefixlen < 31 else ()
    return (address.with_prefixlen, *(options or usual))


def drops(place: Place, device: str, addresses: Iterable[Interface]) -> tuple[Run, ...]:
    """Take the addresses from the device, and no other with them."""
    words = (("ip", "addr", "del", address.with_prefixlen, "dev", device) for address in addresses)
    # 2 is what `ip` returns when the address isn't there.
    return (singly(place, device), *(Run(place, each, ok=(0, 2)) for each in words))


def behind(place: Place, device: str, others: Iterable[Held]) -> tuple[Run, ...]:
    """Put these, those of them that are there, behind the addresses that were put on since.

    Of several in one IPv4 network the first is what the machine sends from, to its own others as
    well: a connection that began there would hear no answer once that address goes.
    """
    words = (_words(each.address, each.options) for each in others)
    swaps = (("sh", "-c", _BEHIND, device, *each) for each in words)
    # 2 is what `ip` returns when the address isn't there.
    return tuple(Run(place, each, ok=(0, 2)) for each in swaps)


def usable(place: Place, device: str, addresses: Iterable[Interface]) -> Await:
    """Wait until the addresses can be used."""
    words = dict.fromkeys(str(address.ip) for address in addresses)
    return Await(place, ("sh", "-c", _USABLE, device, *words), DAD_SECONDS)


def announce(place: Place, device: str, addresses: Iterable[Interface]) -> Run:
    """Tell the neighbours whose the addresses are now, or they would ask the former holder.

    Without Python (127) they find out by themselves, half a minute later: no reason to stop.
    """
    return _script(place, "announce", device, addresses, (0, 127))


def mention(place: Place, device: str, addresses: Iterable[Interface]) -> Run:
    """The same once and at once, where it is announced again soon."""
    return _script(place, "mention", device, addresses, (0, 127))


def arrived(place: Place, device: str, addresses: Iterable[Interface]) -> Series:
    """Wait until the addresses can be used, and tell the neighbours."""
    known = list(addresses)
    return Series((usable(place, device, known), announce(place, device, known)))


def family(addresses: Iterable[Interface], version: int) -> list[Interface]:
    """Those of IPv4, or of IPv6."""
    return [address for address in addresses if address.version == version]


def probe(place: Place, device: str, addresses: Iterable[Interface]) -> Run:
    """Fail when another machine answers for one of the IPv4 addresses."""
    return _script(place, "probe", device, addresses, (0,))


def free(place: Place, device: str, addresses: Iterable[Interface]) -> Run:
    """The same, and fail when the machine is cut off and so couldn't hear anybody."""
    return _script(place, "free", device, addresses, (0,))


def contested(place: Place, device: str, addresses: Iterable[Interface]) -> tuple[Act, ...]:
    """Succeed when the machine holds one of the IPv4 addresses, and another answers for it too."""
    there = 'ip -o addr show to "$1" | grep -q .'
    return tuple(
        act
        for each in family(addresses, 4)
        for act in (
            Run(place, ("sh", "-c", there, "held", str(each.ip))),
            _script(place, "probe", device, [each], (_TAKEN,)),
        )
    )


def _script(
    place: Place, act: str, device: str, addresses: Iterable[Interface], ok: tuple[int, ...]
) -> Run:
    words = tuple(str(address.ip) for address in addresses)
    return Run(place, ("python3", "-I", "-", act, device, *words), _SCRIPT.read_bytes(), ok)


def _promoting(device: str) -> str:
    # A dot in a device's name (a VLAN) is a slash to sysctl.
    return f"net.ipv4.conf.{device.replace('.', '/')}.promote_secondaries"


def singly(place: Place, device: str) -> Run:
    """Let the kernel drop an IPv4 address alone: by default those of its subnet go along.

    It is said each time, since on the way back the machine may have been restarted.
    """
    return Run(place, ("sysctl", "-q", "-w", f"{_promoting(device)}=1"))


def promotion(host: Host, device: str) -> Change | None:
    """The same as a change, which on the way back leaves the setting as it was."""
    former = host.read("sysctl", "-n", _promoting(device)).strip()
    if former == "1":
        return None
    back = Run(host.place, ("sysctl", "-q", "-w", f"{_promoting(device)}={former}"))
    return Change(f"let {device} lose single addresses", singly(host.place, device), back)
