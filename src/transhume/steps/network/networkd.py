"""Edits the .network file of a device and its drop-ins for systemd-networkd."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from transhume.steps.network.edit import (
    OWN,
    Edits,
    Files,
    Interface,
    Ip,
    NotUnderstood,
    Text,
    gateway_lost,
    ip,
    not_found,
    one_by_one,
    refuse_mention,
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
    ip: Ip


def holds(files: Files, device: str) -> frozenset[Ip]:
    """The addresses that are written for the device."""
    return frozenset(place.ip for place in _places(files))


def add(files: Files, device: str, addresses: Iterable[Interface]) -> Edits:
    """A drop-in of our own, which leaves the admin's file as it is."""
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
    _refuse_broad(files, device)
    path = f"{FOLDER}/{posixpath.basename(main(files))}.d/{OWN}.conf"
    line = f"Address={address.with_prefixlen}"
    if path not in files:
        return {path: f"[Network]\n{line}\n".encode()}
    text = Text(files[path])
    network = [each for each in sections(text, continued=True) if each.name == "Network"]
    text.add(network[-1].last if network else len(text.lines) - 1, line)
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
    found = [place for place in _places(files) if place.ip == gone]
    if not found:
        raise not_found(gone, device, main(files))
    texts = {path: Text(content) for path, content in files.items()}
    for place in found:
        _refuse_foreign(place.path)
        if place.section.name == "Address":
            place.section.drop(texts[place.path])
        else:
            texts[place.path].drop(place.entry.first, place.entry.last)
    _refuse_lost_gateway(files, device, gone)
    return {path: _content(path, text) for path, text in texts.items()}


def _content(path: str, text: Text) -> bytes | None:
    own = posixpath.basename(path) == f"{OWN}.conf"
    empty = not any(section.entries for section in sections(text, continued=True))
    return None if own and empty else text.content()


def _refuse_foreign(path: str) -> None:
    if not path.startswith(f"{FOLDER}/"):
        raise NotUnderstood(
            f"the address stands in {path}, which a program writes",
            f'put a file of yours into {FOLDER} instead, or set [address] how = "manual"',
        )


def _refuse_lost_gateway(files: Files, device: str, gone: Ip) -> None:
    staying = {place.ip for place in _places(files) if place.ip != gone}
    for section in (each for path in files for each in _sections(files, path)):
        needed = [e for e in section.entries if e.key not in ("Address", "DNS", "NTP", "Broadcast")]
        refuse_mention((entry.value for entry in needed), gone, main(files))
        gateways = [ip(value) for value in section.values("Gateway")]
        alone = gone.version not in {address.version for address in staying}
        if alone and any(each and each.version == gone.version for each in gateways):
            raise gateway_lost(device, gone.version)


def _places(files: Files) -> Iterator[_Place]:
    for path in files:
        for section in _sections(files, path):
            if section.name in ("Network", "Address"):
                for entry in section.entries:
                    yield from _place(path, section, entry)


def _place(path: str, section: Section, entry: Entry) -> Iterator[_Place]:
    if entry.key == "Address":
        address = ip(entry.value)
        if address is None:
            raise NotUnderstood(f"{path} has an address that isn't one: {entry.value!r}")
        yield _Place(path, section, entry, address)


def _sections(files: Files, path: str) -> list[Section]:
    return sections(Text(files[path]), continued=True)
