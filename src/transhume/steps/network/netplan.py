"""Edits the YAML files of netplan, line by line."""

from __future__ import annotations

import fnmatch
import posixpath
import re
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
    interface,
    ip,
    not_found,
    one_by_one,
    stranded,
)
from transhume.steps.network.outline import Node, flow_list, outline, plain

FOLDER = "/etc/netplan"
FILE = f"{FOLDER}/90-{OWN}.yaml"
# In these a file hides the one of the same name in the next.
FOLDERS = ("/run/netplan", FOLDER, "/lib/netplan")


@dataclass(frozen=True)
class Definition:
    """What one file says of one device."""

    path: str
    kind: str
    name: str
    node: Node


def holds(files: Files, device: str) -> frozenset[Ip]:
    """The addresses that are written for the device."""
    return frozenset(each.ip for each in _addresses(definitions(files, device)))


def add(files: Files, device: str, addresses: Iterable[Interface]) -> Edits:
    """A file of our own, which netplan joins with the admin's."""
    return one_by_one(files, addresses, lambda now, address: _add(now, device, address))


def remove(files: Files, device: str, addresses: Iterable[Interface]) -> Edits:
    """Take the addresses out of the files in which they stand."""
    return one_by_one(files, addresses, lambda now, address: _remove(now, device, address.ip))


def definitions(files: Files, device: str) -> list[Definition]:
    """What all files together say of the device; empty when none names it."""
    known = [each for path in _read(files) for each in _of_file(path, files[path])]
    groups = {(each.kind, each.name) for each in known}
    named = [key for key in sorted(groups) if _names(known, key, device)]
    if len(named) > 1:
        listed = ", ".join(name for _, name in named)
        raise NotUnderstood(f"netplan has several definitions for {device}: {listed}")
    return [each for each in known if (each.kind, each.name) in named]


def _read(files: Files) -> list[str]:
    visible: dict[str, str] = {}
    for folder in reversed(FOLDERS):
        for path in files:
            if posixpath.dirname(path) == folder and path.endswith(".yaml"):
                visible[posixpath.basename(path)] = path
    return [path for _, path in sorted(visible.items())]


def _of_file(path: str, content: bytes) -> Iterator[Definition]:
    network = outline(path, Text(content)).get("network")
    if network is None:
        return
    if network.value:
        raise NotUnderstood(f"{path} is written in brackets, which isn't edited")
    for kind in network.inner:
        if kind.value.startswith("{") and kind.value != "{}":
            raise NotUnderstood(f"{path} is written in brackets, which isn't edited")
        for definition in kind.inner:
            yield Definition(path, kind.key, definition.key, definition)


def _names(known: list[Definition], key: tuple[str, str], device: str) -> bool:
    nodes = [each.node for each in known if (each.kind, each.name) == key]
    renamed = [node.text("set-name") for node in nodes if node.text("set-name")]
    matched = [match for node in nodes if (match := node.get("match"))]
    patterns = [match.text("name") for match in matched if match.text("name")]
    if renamed:
        return device in renamed
    if patterns:
        return any(fnmatch.fnmatchcase(device, pattern) for pattern in patterns)
    return key[1] == device


def _addresses(known: Iterable[Definition]) -> Iterator[Interface]:
    for definition in known:
        node = definition.node.get("addresses")
        if definition.node.value.startswith("{") and definition.node.value != "{}":
            raise NotUnderstood(f"{definition.path} is written in brackets, which isn't edited")
        for word in _words(node) if node else ():
            address = interface(word)
            if address is None:
                raise NotUnderstood(f"{definition.path} has an address that isn't one: {word}")
            yield address


def _words(node: Node) -> list[str]:
    if node.value:
        return flow_list(node.value) or []
    return [_word(item) for item in node.items()]


def _word(item: Node) -> str:
    # An address with options is a key of its own: `- 192.0.2.10/24:` and then its label.
    return plain(item.value) or (item.inner[0].key if item.inner else "")


def _add(files: Files, device: str, address: Interface) -> Edits:
    known = definitions(files, device)
    if any(each.ip == address.ip for each in _addresses(known)):
        return {}
    if not known:
        raise NotUnderstood(f"no file of netplan names {device}")
    _refuse_pattern(known, device)
    item = f'- "{address.with_prefixlen}"'
    if FILE not in files:
        kind, name = known[0].kind, known[0].name
        if not (kind + name).isprintable():
            raise NotUnderstood(f"{known[0].path} names {device} in bytes that are no text")
        lines = ("network:", "  version: 2", f"  {kind}:", f"    {name}:", "      addresses:")
        return {FILE: "\n".join((*lines, f"        {item}", "")).encode()}
    text = Text(files[FILE])
    nodes = [n for each in known if each.path == FILE and (n := each.node.get("addresses"))]
    if not (nodes and nodes[0].items()):
        raise NotUnderstood(f"{FILE} was there before and says nothing of {device}")
    last = nodes[0].items()[-1]
    text.add(last.last, " " * last.indent + item)
    return {FILE: text.content()}


def _refuse_pattern(known: list[Definition], device: str) -> None:
    for definition in known:
        match = definition.node.get("match")
        renamed = any(each.node.text("set-name") for each in known)
        if match and match.text("name") not in ("", device) and not renamed:
            raise NotUnderstood(
                f"{definition.path} isn't for {device} alone: {match.text('name')} may match others"
            )


def _remove(files: Files, device: str, gone: Ip) -> Edits:
    known = definitions(files, device)
    former = [each for each in _addresses(known) if each.ip == gone]
    if not former:
        raise not_found(gone, device, FOLDER)
    edits: Edits = {}
    for definition in known:
        node = definition.node.get("addresses")
        if node and any(ip(word) == gone for word in _words(node)):
            edits[definition.path] = _without(definition.path, files, node, gone)
    _refuse_needed(known, device, former[0])
    return edits


def _without(path: str, files: Files, node: Node, gone: Ip) -> bytes | None:
    if not path.startswith(f"{FOLDER}/"):
        raise NotUnderstood(f"{gone} stands in {path}, which a program writes")
    text = Text(files[path])
    if node.value:
        _shorten(path, text, node, gone)
        return text.content()
    items = node.items()
    leaving = [item for item in items if ip(_word(item)) == gone]
    for item in leaving:
        text.drop(item.first, item.last)
    if len(leaving) == len(items):
        if path == FILE:
            return None
        text.lines[node.first] = text.lines[node.first].replace("addresses:", "addresses: []", 1)
    return text.content()


def _shorten(path: str, text: Text, node: Node, gone: Ip) -> None:
    line = text.lines[node.first]
    match = re.search(r"\[([^\]]*)\]", line)
    if match is None:
        raise NotUnderstood(
            f"{path}, line {node.first + 1}: a list over several lines isn't edited"
        )
    words = [word for word in match[1].split(",") if ip(word) != gone]
    text.lines[node.first] = (
        f"{line[: match.start()]}[{','.join(words).strip()}]{line[match.end() :]}"
    )


def _refuse_needed(known: list[Definition], device: str, gone: Interface) -> None:
    staying = [address for address in _addresses(known) if address.ip != gone.ip]
    for definition in known:
        for node in (definition.node, *definition.node.walk()):
            if any(address == gone.ip for address in _values(node, "from")):
                raise NotUnderstood(f"{definition.path} needs {gone.ip} as the source of a route")
            gateways = _values(node, "via", "gateway4", "gateway6")
            if any(stranded(gateway, gone, staying) for gateway in gateways):
                raise gateway_lost(device, gone.version)


def _values(node: Node, *keys: str) -> Iterator[Ip | None]:
    for key in keys:
        if node.key == key:
            yield ip(node.value)
        # Routes are often written as `{to: …, via: …}`.
        yield from (ip(each[1]) for each in re.finditer(rf"\b{key}:\s*([^\s,}}]+)", node.value))
