"""Two listings of the same trees, merged while they come: what is equal is counted, not kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from transhume.core.host import Host, Pair
from transhume.errors import StepFailed

Key = tuple[int, tuple[bytes, ...], bytes]
"""A place in a listing: the tree's number, the folders on the way, the name in the last one."""

_FIELDS = ("kind", "mode", "owner", "group", "size", "time", "sparse", "link", "value", "xattrs")
_ESCAPE = re.compile(rb"\\(.)")
_BLANK = ord(" ")
_ABSENT, _UNREAD = b"-", b"!"
_FAILED = b"\0!\0"
"""What only the line of an entry has that couldn't be read."""
VANISHED = "vanished meanwhile"
"""Why an entry couldn't be read that was there when its folder was listed."""
_TOLD = {
    "kind": "kind",
    "mode": "mode",
    "owner": "owner",
    "group": "group",
    "size": "size",
    "time": "time",
    "sparse": "holes",
    "link": "hard link with",
    "xattrs": "attributes",
}
_KINDS = {
    b"f": "file",
    b"d": "folder",
    b"l": "symbolic link",
    b"c": "character device",
    b"b": "block device",
    b"p": "pipe",
    b"s": "socket",
}


@dataclass(frozen=True)
class Tree:
    """What is listed: the same path on both machines.

    `exclude` are shell patterns for `/` and the path within it. `contents` says that every file is
    read: for its `bytes`, or, in a mail body's file, for the `name` that its message should have.
    `only` are paths within it to be looked at alone, present or not; None for all.
    """

    path: str
    exclude: tuple[str, ...] = ()
    contents: Literal["", "bytes", "name"] = ""
    only: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Entry:
    """One entry as its machine listed it; see agent/manifest.py for the fields."""

    kind: bytes
    fields: dict[str, bytes] = field(default_factory=dict)
    reason: str = ""
    """Why it couldn't be read; empty when it could."""

    @property
    def seconds(self) -> float:
        """When it was last modified, in seconds since the epoch."""
        return int(self.fields.get("time", b"0")) / 1e9


@dataclass(frozen=True)
class Difference:
    """One path that isn't the same on both; an entry is None where there is none."""

    path: str
    theirs: Entry | None
    ours: Entry | None

    @property
    def unread(self) -> bool:
        """Whether it couldn't be read on either machine."""
        return any(entry is not None and entry.reason != "" for entry in (self.theirs, self.ours))

    @property
    def vanished(self) -> bool:
        """Whether it was there on one of them and then wasn't: one has to look again."""
        return any(entry.reason == VANISHED for entry in (self.theirs, self.ours) if entry)

    def attributes(self) -> tuple[str, ...]:
        """The names of the fields that differ, where there is one entry on each side."""
        if self.theirs is None or self.ours is None:
            return ()
        theirs, ours = self.theirs.fields, self.ours.fields
        return tuple(name for name in _FIELDS if theirs.get(name) != ours.get(name))

    @property
    def same_content(self) -> bool:
        """Whether both sides have it, were read, and hold the same."""
        known = self.theirs is not None and self.ours is not None and not self.unread
        return known and not {"kind", "size", "value"} & set(self.attributes())

    def __str__(self) -> str:
        return f"{self.path}: {'; '.join(self._told())}"

    def _told(self) -> Iterator[str]:
        if self.unread:
            for place, entry in (("source", self.theirs), ("target", self.ours)):
                if entry is not None and entry.reason:
                    yield f"couldn't be read on the {place} ({entry.reason})"
        elif self.theirs is None:
            yield "only on the target"
        elif self.ours is None:
            yield "missing on the target"
        else:
            for name in self.attributes():
                yield _told(name, self.theirs, self.ours)


def _told(name: str, theirs: Entry, ours: Entry) -> str:
    there, here = (_shown(name, entry.fields.get(name, b"")) for entry in (theirs, ours))
    if name == "value":
        what = {b"f": "content", b"l": "leads to", b"c": "device", b"b": "device"}
        name = what.get(theirs.kind, "value")
        if theirs.kind == b"f":
            return "content differs"
    return f"{_TOLD.get(name, name)} {there} on the source, {here} on the target"


def _shown(name: str, value: bytes) -> str:
    if name == "kind":
        return _KINDS.get(value, "?")
    if name == "time":
        seconds, rest = divmod(int(value or b"0"), 10**9)
        return f"{seconds}.{rest:09d}"
    return _text(value) or "none"


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")


@dataclass
class _Reader:
    """One machine's lines: at any moment one entry with its place, or the end."""

    lines: Iterator[bytes]
    line: bytes = b""
    """The present entry as it came; empty at the end."""
    tree: int = -1
    shown: bytes = b""
    folder: tuple[bytes, ...] = ()

    def advance(self) -> bool:
        """Go to the next entry; True when that is in another folder, or there is none."""
        self.line = self._next()
        moved = False
        while self.line and self.line[0] != _BLANK:
            moved = True
            if self.line[:1] == b"=":
                self.tree = int(self.line[1:])
            else:
                self.shown = self.line[1:]
                self.folder = tuple(_plain(self.shown).split(b"/")) if self.shown else ()
            self.line = self._next()
        return moved or not self.line

    def _next(self) -> bytes:
        line = next(self.lines, None)
        if line == b"":
            # It would be taken for the end, and what comes after it for missing.
            raise StepFailed("a listing holds a line with nothing in it")
        return line or b""

    @property
    def place(self) -> tuple[int, bytes]:
        return self.tree, self.shown

    def key(self) -> Key:
        return self.tree, self.folder, _plain(self.line[1:].partition(b"\0")[0])

    def entry(self) -> Entry | None:
        """The present entry; None when its line says that there is none."""
        kind, *rest = self.line[1:].split(b"\0")[1:]
        if kind == _ABSENT:
            return None
        if kind == _UNREAD:
            return Entry(kind, {"kind": kind}, _text(rest[0]) or "no reason given")
        if len(rest) != len(_FIELDS) - 1:
            raise StepFailed(f"a listing holds a line that can't be understood: {self.line!r}")
        return Entry(kind, dict(zip(_FIELDS, (kind, *rest), strict=True)))


def _plain(escaped: bytes) -> bytes:
    if b"\\" not in escaped:
        return escaped
    return _ESCAPE.sub(lambda found: b"\n" if found[1] == b"n" else found[1], escaped)


@dataclass
class Merged:
    """What the merge has come by in one tree."""

    tree: int
    equal: int = 0
    differing: list[Difference] = field(default_factory=list)


def merge(theirs: Iterator[bytes], ours: Iterator[bytes], batch: int) -> Iterator[Merged]:
    """Both listings at once: equal entries counted, the others in batches of at most so many.

    A tree's batches follow one another.
    """
    there, here = _Reader(theirs), _Reader(ours)
    there.advance()
    here.advance()
    found = Merged(0)
    while there.line or here.line:
        tree = min(reader.tree for reader in (there, here) if reader.line)
        if tree != found.tree or len(found.differing) >= batch:
            yield found
            found = Merged(tree)
        equal = _equal_lines(there, here) if there.place == here.place else 0
        found.equal += equal
        if not equal:
            _step(there, here, found)
    yield found


def _equal_lines(there: _Reader, here: _Reader) -> int:
    """Pass over what is equal, as long as both are in one folder; how many entries those were."""
    passed = 0
    while there.line and there.line == here.line and _FAILED not in there.line:
        passed += 1
        left, gone = there.advance(), here.advance()
        if left or gone:
            break
    return passed


def _step(there: _Reader, here: _Reader, found: Merged) -> None:
    """Take the smaller of the two present entries, or both when they are of one place."""
    theirs = there.key() if there.line else None
    ours = here.key() if here.line else None
    key = min(key for key in (theirs, ours) if key is not None)
    one = there.entry() if theirs == key else None
    other = here.entry() if ours == key else None
    if _alike(one, other):
        found.equal += 1
    else:
        # What is said of a folder that can't be listed has no name in it.
        path = _text(b"/".join((*key[1], key[2])).rstrip(b"/") or b".")
        found.differing.append(Difference(path, one, other))
    if theirs == key:
        there.advance()
    if ours == key:
        here.advance()


def _alike(one: Entry | None, other: Entry | None) -> bool:
    """Whether the copy is as good; one with more holes than the original is."""
    if one is None or other is None:
        return one is other
    if one.reason or other.reason:
        return False
    if not one.fields["sparse"]:
        return {**one.fields, "sparse": b""} == {**other.fields, "sparse": b""}
    return one.fields == other.fields


def listings(pair: Pair, trees: Sequence[Tree], batch: int) -> Iterator[Merged]:
    """List the trees on both machines at the same time, and merge the two."""
    theirs, ours = (_lines(host, trees) for host in (pair.source, pair.target))
    return merge(theirs, ours, batch)


def listing(host: Host, tree: Tree) -> Iterator[tuple[bytes, bytes, list[bytes]]]:
    """One machine's entries alone: folder, name, and the fields from the kind on."""
    folder = b""
    for line in _lines(host, [tree]):
        if line[0] == _BLANK:
            name, *fields = line[1:].split(b"\0")
            yield folder, _plain(name), fields
        elif line[:1] == b"/":
            folder = _plain(line[1:])


def _lines(host: Host, trees: Sequence[Tree]) -> Iterator[bytes]:
    return host.agent("manifest", stdin=json.dumps({"trees": [asdict(t) for t in trees]}).encode())
