"""Edits /etc/network/interfaces and what it sources: one stanza per address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from transhume.steps.network.edit import (
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
from transhume.steps.network.stanza import MAIN, Stanza, stanzas

# Beside these a stanza holds nothing but its address, so that it can go as a whole.
_OF_THE_ADDRESS = frozenset(
    (
        *("address", "netmask", "broadcast", "network", "scope", "autoconf", "accept_ra"),
        *("dad-attempts", "dad-interval", "preferred-lifetime"),
    )
)
_NEEDS_AN_ADDRESS = frozenset(("gateway", "pre-up", "up", "post-up"))
_FAMILIES = {4: "inet", 6: "inet6"}


def holds(files: Files, device: str) -> frozenset[Ip]:
    """The addresses that are written for the device."""
    return frozenset(each.address.ip for each in stanzas(files, device) if each.address)


def add(files: Files, device: str, addresses: Iterable[Interface]) -> Edits:
    """A stanza more for each address, after the last one of the device."""
    return one_by_one(files, addresses, lambda now, address: _add(now, device, address))


def remove(files: Files, device: str, addresses: Iterable[Interface]) -> Edits:
    """Take the addresses out; what else stands in their stanzas goes to an address that stays."""
    leaving = frozenset(address.ip for address in addresses)
    return one_by_one(
        files, addresses, lambda now, address: _remove(now, device, address.ip, leaving)
    )


def _add(files: Files, device: str, address: Interface) -> Edits:
    known = stanzas(files, device)
    own = [stanza for stanza in known if stanza.name == device]
    if not own:
        raise NotUnderstood(f"{MAIN} has no iface stanza for {device}")
    if any(stanza.address and stanza.address.ip == address.ip for stanza in known):
        return {}
    last = own[-1]
    text = Text(files[last.path])
    indent = _indent(text, own)
    lines = [f"iface {device} {_FAMILIES[address.version]} static"]
    lines.append(f"{indent}address {address.with_prefixlen}")
    if address.version == 6 and not any(each.family == "inet6" and each.address for each in own):
        # ifupdown switches it off for every static stanza; the machine may live on it.
        lines.append(f"{indent}autoconf 1")
    text.add(last.last, "", *lines)
    return {last.path: text.content()}


def _indent(text: Text, own: Sequence[Stanza]) -> str:
    options = own[-1].options
    line = text.lines[options[0].first] if options else "    "
    return line[: len(line) - len(line.lstrip(" \t"))] or "    "


def _remove(files: Files, device: str, gone: Ip, leaving: frozenset[Ip]) -> Edits:
    known = stanzas(files, device)
    found = [each for each in known if each.address and each.address.ip == gone]
    if len(found) != 1:
        if found:
            raise NotUnderstood(f"{gone} stands in {len(found)} stanzas of {MAIN} for {device}")
        raise not_found(gone, device, MAIN)
    (stanza,) = found
    texts = {each.path: Text(files[each.path]) for each in known}
    if stanza.keys <= _OF_THE_ADDRESS:
        _drop(texts, stanza, known)
    else:
        _hand_over(texts, stanza, known, leaving)
    for other in known:
        needed = [option for option in other.options if not _says_nothing(option.key)]
        refuse_mention((option.value for option in needed), gone, other.path)
    return {path: text.content() for path, text in texts.items()}


def _says_nothing(key: str) -> bool:
    # A name server may well be the server itself: it goes on answering at that address.
    return key in ("address", "broadcast", "network") or key.startswith("dns-")


def _drop(texts: dict[str, Text], stanza: Stanza, known: Sequence[Stanza]) -> None:
    if sum(each.name == stanza.name for each in known) == 1:
        # Its name may stand in an auto line, which must not name nothing.
        _make_manual(texts[stanza.path], stanza)
        return
    text = texts[stanza.path]
    for option in stanza.options:
        text.drop(option.first, option.last)
    text.drop(stanza.line)
    if stanza.line and not text.lines[stanza.line - 1].strip():
        text.drop(stanza.line - 1)


def _make_manual(text: Text, stanza: Stanza) -> None:
    text.lines[stanza.line] = re.sub(r"\bstatic\b", "manual", text.lines[stanza.line], count=1)
    for option in stanza.options:
        if option.key in _OF_THE_ADDRESS:
            text.drop(option.first, option.last)


def _hand_over(
    texts: dict[str, Text], stanza: Stanza, known: Sequence[Stanza], leaving: frozenset[Ip]
) -> None:
    heir = _heir(stanza, known, leaving)
    if heir is not None and heir.address is not None:
        _rewrite(texts[stanza.path], stanza, heir.address)
        _drop(texts, heir, known)
    elif stanza.keys & _NEEDS_AN_ADDRESS:
        raise gateway_lost(stanza.name, 4 if stanza.family == "inet" else 6)
    else:
        _make_manual(texts[stanza.path], stanza)


def _heir(stanza: Stanza, known: Sequence[Stanza], leaving: frozenset[Ip]) -> Stanza | None:
    gateway = ip(stanza.value("gateway"))
    for other in known:
        near = other.address and (gateway is None or gateway in other.address.network)
        stays = other.address and other.address.ip not in leaving
        bare = other.keys <= _OF_THE_ADDRESS
        if other.family == stanza.family and near and stays and bare:
            return other
    return None


def _rewrite(text: Text, stanza: Stanza, address: Interface) -> None:
    former = stanza.address
    same = former is not None and former.network == address.network
    value = str(address.ip) if same and "netmask" in stanza.keys else address.with_prefixlen
    for option in stanza.options:
        if option.key == "address":
            _set(text, option.first, option.last, value)
        elif option.key in ("netmask", "broadcast", "network") and not same:
            text.drop(option.first, option.last)


def _set(text: Text, first: int, last: int, value: str) -> None:
    if first != last:
        raise NotUnderstood(f"an address in {MAIN} is spread over several lines")
    text.lines[first] = re.sub(r"^(\s*address\s+)\S+", rf"\g<1>{value}", text.lines[first])
