"""Reads the stanzas of /etc/network/interfaces, through the files that it sources."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from transhume.steps.network.edit import Files, Interface, NotUnderstood, Text, interface

MAIN = "/etc/network/interfaces"
_TOP = frozenset(
    ("iface", "mapping", "auto", "source", "source-directory", "no-auto-down", "no-scripts")
)
_IN_DIRECTORY = re.compile(r"[A-Za-z0-9_-]+(\.interfaces)?")


@dataclass(frozen=True)
class Option:
    """One setting of a stanza, from the first to the last of its lines."""

    first: int
    last: int
    key: str
    value: str


@dataclass
class Stanza:
    """`iface NAME FAMILY METHOD` with its options."""

    path: str
    line: int
    name: str
    family: str
    method: str
    options: list[Option] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The last line that belongs to it."""
        return self.options[-1].last if self.options else self.line

    @property
    def address(self) -> Interface | None:
        """The address that it gives to the device."""
        if self.method != "static":
            return None
        return interface(self.value("address"), self.value("netmask"))

    @property
    def keys(self) -> frozenset[str]:
        """What is set in it."""
        return frozenset(option.key for option in self.options)

    def value(self, key: str) -> str:
        """What is set for the key; empty when nothing is."""
        return next((option.value for option in self.options if option.key == key), "")


def stanzas(files: Files, device: str) -> list[Stanza]:
    """The stanzas of the device and of its labels (such as eth0:1), in the order they are read."""
    found: list[Stanza] = []
    for path in _read(files, MAIN, ()):
        found += [each for each in _parse(path, files[path], device) if _of(device, each.name)]
    return found


def _of(device: str, name: str) -> bool:
    return name.partition(":")[0] == device


def _parse(path: str, content: bytes, device: str) -> list[Stanza]:
    found: list[Stanza] = []
    inside = False
    for first, last, words in _statements(Text(content)):
        key, value = words[0], " ".join(words[1:])
        if key in _TOP or key.startswith("allow-"):
            _refuse_mapped(key, words[1:], device, path)
            inside = key == "iface" and len(words) > 1
            if inside:
                family, method, *_ = [*words[2:4], "", ""]
                found.append(Stanza(path, first, words[1], family, method))
        elif inside:
            found[-1].options.append(Option(first, last, key, value))
    return found


def _refuse_mapped(key: str, words: list[str], device: str, path: str) -> None:
    mapped = key == "mapping" and any(fnmatch.fnmatch(device, pattern) for pattern in words)
    chosen = key in ("auto", "allow-hotplug") and any(w.startswith(f"{device}=") for w in words)
    if mapped or chosen:
        raise NotUnderstood(f"{path} maps {device} to a name that is chosen when it comes up")


def _statements(text: Text) -> Iterator[tuple[int, int, list[str]]]:
    first, joined = 0, ""
    for number, raw in enumerate(text.lines):
        line = raw.strip()
        if not joined and line.startswith("#"):
            continue
        first = first if joined else number
        if line.endswith("\\"):
            joined += line[:-1] + " "
            continue
        words = (joined + line).split()
        joined = ""
        if words:
            yield first, number, words


def _read(files: Files, path: str, seen: tuple[str, ...]) -> Iterator[str]:
    """The file and what it sources, in order."""
    if path in seen or path not in files:
        return
    yield path
    for _, _, words in _statements(Text(files[path])):
        if words[0] in ("source", "source-directory") and len(words) > 1:
            for inner in _sourced(files, path, words[0], words[1]):
                yield from _read(files, inner, (*seen, path))


def _sourced(files: Files, path: str, how: str, pattern: str) -> list[str]:
    pattern = posixpath.join(posixpath.dirname(path), pattern)
    if not pattern.startswith(f"{posixpath.dirname(MAIN)}/"):
        raise NotUnderstood(f"{path} sources {pattern}, outside {posixpath.dirname(MAIN)}")
    if how == "source":
        return sorted(each for each in files if _matches(each, pattern))
    return sorted(
        each
        for each in files
        if posixpath.dirname(each) == pattern.rstrip("/")
        and _IN_DIRECTORY.fullmatch(posixpath.basename(each))
    )


def _matches(path: str, pattern: str) -> bool:
    # As the shell does: a * stands neither for a slash nor for a leading dot.
    hidden = posixpath.basename(path).startswith(".")
    same_depth = path.count("/") == pattern.count("/")
    return same_depth and not hidden and fnmatch.fnmatchcase(path, pattern)
