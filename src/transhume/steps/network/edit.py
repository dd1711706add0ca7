"""What the editors of all network managers share: files in, edits out, addresses by value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    ip_address,
    ip_interface,
)

from transhume.errors import StepFailed

Ip = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
"""An address with its prefix length."""
Files = Mapping[str, bytes]
"""What a network manager reads, by path."""
Edits = dict[str, bytes | None]
"""Files to write; None stands for a file that is to go."""

OWN = "transhume"
"""What the files that are added are named after."""

ELSEWHERE = 'move the address by hand instead: [address] how = "manual", or how = "script"'

_WORD = re.compile(r"[0-9A-Fa-f.:]{2,}")


class NotUnderstood(StepFailed):
    """The network's configuration stands in a form that would have to be guessed at."""

    def __init__(self, what: str, remedy: str = ELSEWHERE) -> None:
        super().__init__(what, state="The network's configuration wasn't touched.", remedy=remedy)


class Text:
    """A file as lines whose numbers stay while it is edited, every other byte as it was.

    A removed line becomes empty, an added one hangs on the line before it.
    """

    def __init__(self, content: bytes) -> None:
        # Not splitlines(): that would also part lines at form feeds and the like.
        self.lines = re.findall(r"[^\n]*\n|[^\n]+", content.decode(errors="surrogateescape"))
        self.newline = "\r\n" if self.lines and self.lines[0].endswith("\r\n") else "\n"

    def drop(self, first: int, last: int | None = None) -> None:
        """Remove these lines."""
        for number in range(first, (first if last is None else last) + 1):
            self.lines[number] = ""

    def add(self, after: int, *lines: str) -> None:
        """Put lines after the one of that number."""
        if not self.lines[after].endswith("\n"):
            self.lines[after] += self.newline
        self.lines[after] += "".join(line + self.newline for line in lines)

    def content(self) -> bytes:
        """The file as it is now."""
        return "".join(self.lines).encode(errors="surrogateescape")


def ip(text: str) -> Ip | None:
    """The address that a word stands for, with or without a prefix length; None for other words."""
    try:
        return ip_address(text.strip().strip("\"'").partition("/")[0])
    except ValueError:
        return None


def interface(address: str, mask: str = "") -> Interface | None:
    """The address with its prefix length, from one word or from two."""
    try:
        return ip_interface(f"{address}/{mask}" if mask and "/" not in address else address)
    except ValueError:
        return None


def gateway_lost(device: str, version: int) -> NotUnderstood:
    """The error for a gateway that no address is left for."""
    return NotUnderstood(
        f"without the service address {device} keeps a gateway but no IPv{version} address near it",
        f"name a free IPv{version} address of the same network in [address] maintenance",
    )


def stranded(gateway: Ip | None, gone: Interface, staying: Iterable[Interface]) -> bool:
    """Whether the gateway can't be reached any more once that address is gone."""
    if gateway is None or gateway.version != gone.version or gateway.is_link_local:
        return False
    left = [each.network for each in staying if each.version == gone.version]
    if gateway in gone.network:
        return not any(gateway in network for network in left)
    return not left


def not_found(address: Ip, device: str, where: str) -> NotUnderstood:
    """The error for an address that the configuration doesn't name."""
    return NotUnderstood(
        f"{address} isn't written in {where} for {device}: it comes from elsewhere, such as DHCP"
    )


def refuse_mention(lines: Iterable[str], address: Ip, where: str) -> None:
    """Refuse a line that still needs an address which goes, such as a route's source."""
    for line in lines:
        if any(ip(word) == address for word in _WORD.findall(line)):
            raise NotUnderstood(f"{where} needs {address} for something else: {line.strip()}")


def one_by_one(
    files: Files, addresses: Iterable[Interface], edit: Callable[[Files, Interface], Edits]
) -> Edits:
    """Edit for one address after the other; only what differs in the end."""
    now = dict(files)
    for address in addresses:
        now = applied(now, edit(now, address))
    return difference(files, now)


def applied(files: Files, edits: Edits) -> dict[str, bytes]:
    """The files after these edits."""
    merged = {**files, **edits}
    return {path: content for path, content in merged.items() if content is not None}


def difference(before: Files, after: Files) -> Edits:
    """What leads from one state to the other."""
    edits: Edits = {path: None for path in before if path not in after}
    edits.update({path: text for path, text in after.items() if before.get(path) != text})
    return edits
