"""An act in words: the commands as they can be typed, and the way back in a few words."""

from __future__ import annotations

import difflib
import posixpath
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transhume.core.change import (
    Act,
    Await,
    Back,
    Carry,
    Change,
    Command,
    DumpDatabase,
    Keep,
    Never,
    Pause,
    RemoveFile,
    Reroute,
    RestoreDatabase,
    Run,
    SeedDatabase,
    SeedTree,
    SyncFiles,
    SyncPaths,
    SyncTree,
    WriteFile,
    leaves,
)
from transhume.ui.words import count, several, size, visible

_UNTYPEABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\udc80-\udcff\u200b-\u200f\u2028-\u202e\u2066-\u2069]"
)


@dataclass(frozen=True)
class Spoken:
    """One thing done: where (empty for transhume itself), its words, whether it can be typed."""

    place: str
    words: tuple[str, ...]
    typed: bool = True

    def lines(self, width: int) -> list[str]:
        """Wrapped between words; what is typed goes on after a backslash, so it can be copied."""
        prompt = f"{self.place}# " if self.typed else ""
        return folded(prompt, self.words, width, " \\" if self.typed else "")


def folded(prompt: str, words: Sequence[str], width: int, end: str) -> list[str]:
    """Words put into lines of that width; a word is never broken."""
    lines, now = [], prompt
    for index, word in enumerate(words):
        if index and len(now) + 1 + len(word) + len(end) > width:
            lines.append(now + end)
            now = "    " + word
        else:
            now += word if index == 0 else f" {word}"
    return [*lines, now]


def word(argument: str) -> str:
    """One argument as bash reads it back, also when it holds control characters or stray bytes."""
    if not _UNTYPEABLE.search(argument):
        return shlex.quote(argument)
    return f"$'{''.join(_ansi_c(char) for char in argument)}'"


def _ansi_c(char: str) -> str:
    if char in "\\'":
        return f"\\{char}"
    if char == "\n":
        return "\\n"
    if not _UNTYPEABLE.match(char):
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode(errors="surrogateescape"))


def spoken(act: Act) -> Iterator[Spoken]:
    """What an act does, one entry each."""
    for leaf in leaves(act):
        if isinstance(leaf, WriteFile):
            # The command behind it is a script of its own; the file is what matters.
            what = f"writes {visible(leaf.path)} (mode {leaf.mode}, {leaf.owner})"
            yield Spoken("", (f"{leaf.place}:", *what.split(" ")), typed=False)
        elif isinstance(leaf, Await):
            yield Spoken("", (f"waits up to {count(leaf.limit)} s for:",), typed=False)
            yield from map(_command, leaf.commands())
        elif isinstance(leaf, Pause):
            yield Spoken("", ("asks", "you:", *visible(leaf.message).split(" ")), typed=False)
        elif isinstance(leaf, Reroute):
            where = visible(leaf.to) if leaf.to else "its usual address"
            yield Spoken("", ("reaches", "the", "source", "by", where), typed=False)
        else:
            yield from map(_command, leaf.commands())


def _command(command: Command) -> Spoken:
    words = tuple(word(argument) for argument in command.argv)
    if command.input:
        # What goes in may be a secret, or a script of many lines.
        words = (*words, "  # reads what transhume sends it")
    return Spoken(command.place, words)


_WORDS = (Keep, Never, Carry)


def brief_backs(changes: Sequence[Change]) -> str:
    """The ways back of a step's changes in a few words: the first that a rollback takes, and how
    many more acts there are."""
    backs = [change.back for change in reversed(changes)]
    if any(isinstance(back, Never) for back in backs):
        return "none"
    if any(isinstance(back, Carry) for back in backs):
        return "carry back what came since"
    acts = [leaf for back in backs if not isinstance(back, _WORDS) for leaf in leaves(back)]
    if not acts:
        return "keep" if backs else ""
    return _brief(acts[0]) + (f" +{len(acts) - 1}" if len(acts) > 1 else "")


def _brief(leaf: Act) -> str:
    if isinstance(leaf, Run):
        return visible(_typed_words(leaf.argv))
    if isinstance(leaf, (WriteFile, RemoveFile)):
        verb = "write" if isinstance(leaf, WriteFile) else "remove"
        return f"{verb} {visible(posixpath.basename(leaf.path))}"
    if isinstance(leaf, (DumpDatabase, RestoreDatabase, SeedDatabase)):
        return visible(f"copy {leaf.database}")
    copied = {SyncTree: "copy the tree", SyncPaths: "copy what changed", SyncFiles: "copy files"}
    fixed = {**copied, Await: "wait", Pause: "ask you"}
    return fixed.get(type(leaf), "usual address" if isinstance(leaf, Reroute) else "")


def _typed_words(argv: Sequence[str]) -> str:
    """The command without its folder and options."""
    rest = [argument for argument in argv if "=" not in argument and argument != "env"]
    kept = [argument for argument in rest if not argument.startswith("-")][:3]
    program = posixpath.basename(kept[0]) if kept else ""
    if program in ("sh", "bash"):
        return "run a script"
    named = [argument.removesuffix(".service") for argument in kept[1:]]
    # Everybody knows whose verbs start, stop and mask are.
    return " ".join(named if program == "systemctl" else [program, *named])


def backward(back: Back) -> list[Spoken]:
    """The way back in full."""
    if isinstance(back, _WORDS):
        leads = {Keep: "stays as it is:", Never: "none:", Carry: "carries what came since:"}
        lead = leads[type(back)]
        return [Spoken("", (*lead.split(), *visible(back.reason).split()), typed=False)]
    return list(spoken(back))


def moved(changes: Sequence[Change]) -> str:
    """How much the changes are thought to move; empty when nobody counted."""
    inner = [leaf for change in changes for leaf in leaves(change.act)]
    trees: dict[str, int] = {}
    for leaf in inner:
        if isinstance(leaf, (SeedTree, SyncTree)):
            # What two passes look at is brought by one of them.
            trees[leaf.path] = max(leaf.expected, trees.get(leaf.path, 0))
    total = sum(trees.values())
    tables = sum(leaf.tables for leaf in inner if isinstance(leaf, (DumpDatabase, SeedDatabase)))
    return size(total) if total else several(tables, "table") if tables else ""


def places(changes: Sequence[Change]) -> frozenset[str]:
    """The machines that the changes alter or ask something of."""
    return frozenset(place for change in changes for place in change.places())


def on(places: frozenset[str]) -> str:
    """The machines in one word."""
    return "both" if len(places) > 1 else next(iter(places), "")


def difference(former: bytes | None, new: bytes, path: str) -> list[str]:
    """A unified diff of two contents of a file; nothing when they are equal."""
    before, after = _lines(former or b""), _lines(new)
    if before is None or after is None:
        return [] if former == new else [f"binary, {size(len(former or b''))} → {size(len(new))}"]
    names = ("/dev/null" if former is None else path, path)
    return [visible(line) for line in difflib.unified_diff(before, after, *names, lineterm="", n=2)]


def _lines(content: bytes) -> list[str] | None:
    if b"\0" in content:
        return None
    return content.decode(errors="surrogateescape").split("\n")
