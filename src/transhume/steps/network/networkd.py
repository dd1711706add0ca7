"""Edits the .network file of a device and its drop-ins for systemd-networkd."""

from __future__ import annotations

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
    stranded,
)
from transhume.steps.network.ini import Entry, Section, sections

FOLDER = "/etc/systemd/network"
_OF_ONE_CARD = ("MACAddress", "PermanentMACAddress", "Path")


@dataclass(frozen=True)
class _Place:
    """Where one address stands."""

    path: str
    section: Section
    entry: Entry
    address: Interface


def holds(files: Files, device: str) -> frozenset[Ip]:
    """The addresses that are written for the device."""
    return frozenset(place.address.ip for place in _places(files))


def add(files: Files, device: str, addresses: Iterable[Interface]) -> Edits:
    """A line more for each address.

    A drop-in would leave the admin's file alone, but networkd 247 doesn't notice at a reload that
    one was removed: the address would come back with the next lost and regained link.
    """
    return one_by_one(files, addresses, lambda now, address: _add(now, device, address))


def remove(files: Files, device: str, addresses: Iterable[Interface]) -> Edits:
    """Take the addresses out of the files in which they stand."""
    return one_by_one(files, addresses, lambda now, address: _remove(now, device, address.ip))


def main(files: Files) -> str:
    """The path of the .network file itself."""
    return next(path for path in files if path.endswith(".network"))


def _add(files: Files, device: str, address: Interface) -> Edits:
    if address.ip in holds(files, device):
        return {}
    path = main(files)
    _refuse_broad(files, device)
    _refuse_foreign(path)
    text = Text(files[path])
    line = f"Address={address.with_prefixlen}"
    networks = [each for each in _sections(files, path) if each.name == "Network"]
    if networks:
        known = [entry.last for entry in networks[-1].entries if entry.key == "Address"]
        text.add(known[-1] if known else networks[-1].last, line)
    else:
        text.add(len(text.lines) - 1, "", "[Network]", line)
    return {path: text.content()}


def _refuse_broad(files: Files, device: str) -> None:
    path = main(files)
    matches = [each for each in _sections(files, path) if each.name == "Match"]
    names = [value for match in matches for value in match.values("Name")]
    card = any(match.values(key) for match in matches for key in _OF_ONE_CARD)
    if names != [device] and not card:
        raise NotUnderstood(
            f"{path} isn't for {device} alone: its [Match] may hold other devices as well",
            f"write Name={device} into its [Match], or a file for {device} alone",
        )


def _remove(files: Files, device: str, gone: Ip) -> Edits:
    found = [place for place in _places(files) if place.address.ip == gone]
    if not found:
        raise not_found(gone, device, main(files))
    texts = {path: Text(content) for path, content in files.items()}
    for place in found:
        _refuse_foreign(place.path)
        if place.section.name == "Address":
            place.section.drop(texts[place.path])
        else:
            texts[place.path].drop(place.entry.first, place.entry.last)
    _refuse_lost_gateway(files, device, found[0].address)
    return {path: text.content() for path, text in texts.items()}


def _refuse_foreign(path: str) -> None:
    if not path.startswith(f"{FOLDER}/"):
        raise NotUnderstood(
            f"{path} is a file that a program writes, not one of the admin's",
            f'put a file of yours into {FOLDER} instead, or set [address] how = "manual"',
        )


def _refuse_lost_gateway(files: Files, device: str, gone: Interface) -> None:
    staying = [place.address for place in _places(files) if place.address.ip != gone.ip]
    for section in (each for path in files for each in _sections(files, path)):
        needed = [e for e in section.entries if e.key not in ("Address", "DNS", "NTP", "Broadcast")]
        refuse_mention((entry.value for entry in needed), gone.ip, main(files))
        if any(stranded(ip(value), gone, staying) for value in section.values("Gateway")):
            raise gateway_lost(device, gone.version)


def _places(files: Files) -> Iterator[_Place]:
    for path in files:
        for section in _sections(files, path):
            if section.name in ("Network", "Address"):
                for entry in section.entries:
                    yield from _place(path, section, entry)


def _place(path: str, section: Section, entry: Entry) -> Iterator[_Place]:
    if entry.key == "Address":
        address = interface(entry.value)
        if address is None:
            raise NotUnderstood(f"{path} has an address that isn't one: {entry.value!r}")
        yield _Place(path, section, entry, address)


def _sections(files: Files, path: str) -> list[Section]:
    return sections(Text(files[path]), continued=True)
