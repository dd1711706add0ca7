"""Edits the keyfile of NetworkManager's profile for a device."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from transhume.steps.network.edit import (
    Edits,
    Files,
    Interface,
    Ip,
    NotUnderstood,
    Text,
    gateway_lost,
    interface,
    ip,
    not_found,
    one_by_one,
    refuse_mention,
)
from transhume.steps.network.ini import Entry, Section, sections

FOLDER = "/etc/NetworkManager/system-connections"

_KEY = re.compile(r"address(?:es)?\d*")
# The forms that NetworkManager reads: ADDRESS/PREFIX, then perhaps a gateway.
_VALUE = re.compile(
    r"(?P<ip>[0-9A-Fa-f.:]+)\s*[/;,]\s*(?P<prefix>\d+)(?:\s*[;,]\s*(?P<gateway>[0-9A-Fa-f.:]+))?;?"
)
_NONE = {4: "disabled", 6: "link-local"}
_WITHOUT = ("disabled", "link-local", "ignore")


@dataclass(frozen=True)
class _Place:
    """Where one address stands."""

    entry: Entry
    address: Interface
    gateway: Ip | None
    listed: bool
    """Whether its line names several addresses."""


def holds(files: Files, device: str) -> frozenset[Ip]:
    """The addresses that are written in the profile."""
    return frozenset(
        place.address.ip
        for content in files.values()
        for section in sections(Text(content), continued=False)
        for place in _places(section)
    )


def add(files: Files, device: str, addresses: Iterable[Interface]) -> Edits:
    """An `addressN=` more for each address."""
    return one_by_one(files, addresses, lambda now, address: _add(now, device, address))


def remove(files: Files, device: str, addresses: Iterable[Interface]) -> Edits:
    """Take the addresses out; a gateway on their lines goes to an address that stays."""
    leaving = frozenset(address.ip for address in addresses)
    return one_by_one(
        files, addresses, lambda now, address: _remove(now, device, address.ip, leaving)
    )


def _profile(files: Files, device: str) -> str:
    if len(files) != 1:
        raise NotUnderstood(f"{device} has {len(files)} profiles in {FOLDER}")
    path = next(iter(files))
    if not files[path]:
        raise NotUnderstood(f"{path} is empty")
    return path


def _family(text: Text, version: int) -> Section | None:
    found = [e for e in sections(text, continued=False) if e.name == f"ipv{version}"]
    return found[-1] if found else None


def _add(files: Files, device: str, address: Interface) -> Edits:
    if address.ip in holds(files, device):
        return {}
    path = _profile(files, device)
    text = Text(files[path])
    section = _family(text, address.version)
    if section is None:
        # A section that is missing means the same as this one.
        text.add(len(text.lines) - 1, "", f"[ipv{address.version}]")
        text.add(len(text.lines) - 1, f"address1={address.with_prefixlen}", "method=auto")
        return {path: text.content()}
    numbered = [entry for entry in section.entries if _KEY.fullmatch(entry.key)]
    after = numbered[-1].last if numbered else section.line
    text.add(after, f"address{_free(numbered)}={address.with_prefixlen}")
    _set_method(text, section, "manual", _WITHOUT)
    return {path: text.content()}


def _free(numbered: list[Entry]) -> int:
    numbers = [entry.key.lstrip("adres") for entry in numbered]
    return max((int(number) for number in numbers if number), default=0) + 1


def _set_method(text: Text, section: Section, method: str, instead_of: tuple[str, ...]) -> None:
    for entry in section.entries:
        if entry.key == "method" and entry.value in instead_of:
            text.lines[entry.first] = text.lines[entry.first].replace(entry.value, method)


def _remove(files: Files, device: str, gone: Ip, leaving: frozenset[Ip]) -> Edits:
    path = _profile(files, device)
    text = Text(files[path])
    section = _family(text, gone.version)
    places = list(_places(section)) if section else []
    found = [place for place in places if place.address.ip == gone]
    if section is None or not found:
        raise not_found(gone, device, path)
    needed = [e for e in section.entries if not _KEY.fullmatch(e.key) and e.key[:3] != "dns"]
    refuse_mention((entry.value for entry in needed), gone, path)
    staying = [place for place in places if place.address.ip not in leaving]
    _take_out(text, found[0], gone)
    if found[0].gateway:
        _hand_over(text, device, found[0].gateway, staying)
    if not any(place.address.ip != gone for place in places):
        if section.values("gateway"):
            raise gateway_lost(device, gone.version)
        _set_method(text, section, _NONE[gone.version], ("manual",))
    return {path: text.content()}


def _take_out(text: Text, place: _Place, gone: Ip) -> None:
    entry = place.entry
    if not place.listed:
        text.drop(entry.first, entry.last)
        return
    rest = [word for word in entry.value.split(";") if word and ip(word) != gone]
    line = text.lines[entry.first]
    text.lines[entry.first] = line.replace(entry.value, "".join(f"{word};" for word in rest))


def _hand_over(text: Text, device: str, gateway: Ip, staying: list[_Place]) -> None:
    heirs = [each for each in staying if gateway in each.address.network and not each.listed]
    if any(each.gateway for each in staying):
        return
    if not heirs:
        raise gateway_lost(device, gateway.version)
    line = text.lines[heirs[0].entry.first]
    value = heirs[0].entry.value
    text.lines[heirs[0].entry.first] = line.replace(value, f"{value.rstrip(';')},{gateway}")


def _places(section: Section) -> Iterator[_Place]:
    if section.name not in ("ipv4", "ipv6"):
        return
    for entry in section.entries:
        if _KEY.fullmatch(entry.key) and entry.value:
            yield from _of_value(entry)


def _of_value(entry: Entry) -> Iterator[_Place]:
    match = _VALUE.fullmatch(entry.value)
    words = [word.strip() for word in entry.value.split(";") if word.strip()]
    if match:
        address = interface(match["ip"], match["prefix"])
        if address:
            yield _Place(entry, address, ip(match["gateway"] or ""), listed=False)
            return
    for word in words:
        address = interface(word)
        if address is None or "/" not in word:
            raise NotUnderstood(f"{entry.key}={entry.value} isn't understood")
        yield _Place(entry, address, None, listed=True)
