"""The acts that bring trees and files from the source: whole, by name, over several connections."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from transhume.core.command import PARTIAL, SSH_BULK, SSH_CONFIG, Command

# Links, bytes, 512-byte blocks, time, name: find(1) has the time with all its digits.
_LISTED = r"%n %s %b %T@ %P\0"
_METER = ("--info=progress2", "--no-human-readable", f"--partial-dir={PARTIAL}")
# Status 23 and what rsync says of files that are cut or written anew while it reads them (61 is
# ENODATA). They changed after they were told of, so they will be told of again.
_RESTLESS = (
    23,
    r"file has vanished: .*"
    r"|rsync: (\[\w+\] )?read errors mapping .*: .* \(61\)"
    r"|(WARNING|ERROR): .* failed verification -- update .*"
    r"|rsync (error|warning): some files.*",
)


@dataclass(frozen=True)
class SyncTree:
    """Make the target's tree equal to the source's with rsync, owners mapped by name.

    `finish` is the frozen pass: what vanished is deleted, and a file that vanishes meanwhile is
    an error (while people work, rsync's exit 24 is daily bread). With `contents` files are read to
    see whether they differ: two wizards that ran in the same second leave files of equal size and
    time. `expected` is how many bytes the pass is thought to move, 0 when nobody counted.

    With `to_source` it goes the other way; what is replaced or deleted there is kept in the folder
    `aside`, where one is named.
    """

    path: str
    finish: bool = False
    delete: bool = False
    exclude: tuple[str, ...] = ()
    contents: bool = False
    expected: int = 0
    to_source: bool = False
    aside: str = ""

    def arguments(self) -> tuple[str, ...]:
        """What follows `rsync`, the same for copying, measuring (-n) and proving (-nc)."""
        excludes = tuple(f"--exclude={pattern}" for pattern in self.exclude)
        delete = ("--delete-delay",) if self.delete or self.finish else ()
        # By default rsync compares whole seconds: a file that is written twice in one would be
        # taken for equal (rsync(1), --modify-window).
        checksum = ("--checksum",) if self.contents else ("--modify-window=-1",)
        aside = ("--backup", f"--backup-dir={self.aside}{self.path}") if self.aside else ()
        shell = f"--rsh=ssh -F {SSH_CONFIG}"
        ends = _ends(self.path, to_source=self.to_source)
        return ("-aHAXS", *checksum, *delete, *excludes, *aside, shell, *ends)

    def commands(self) -> Iterator[Command]:
        yield Command("source" if self.to_source else "target", ("mkdir", "-p", self.path))
        yield _rsync(self.arguments(), b"", self.finish)


# To a program the end of a line that dies is the end of its list, and the list's last word is cut
# then, so that it names something else: only a list that came whole is gone by.
_WHOLE = """\
l=$(mktemp) && cat >"$l" && test "$(wc -c <"$l")" -eq "$1" && shift && xargs -0 -r "$@" <"$l"
status=$?
rm -f "$l"
exit $status
"""
_REMOVE = shlex.join(("sh", "-c", _WHOLE, "whole"))
# What a list names and isn't here goes from there. Not with --delete-missing-args: the receivers of
# some releases end at what it sends them ("invalid file mode 00").
_GONE = f"""\
cd "$2" && t=$(mktemp) || exit
sh -c {shlex.quote(_WHOLE)} whole "$1" sh -c 'for f; do
    test -e "$f" || test -L "$f" || printf "%s\\0" "$0/$f"
done' "$2" >"$t" &&
    ssh -F {SSH_CONFIG} transhume-source -- {shlex.quote(_REMOVE)} "$(wc -c <"$t")" rm -rf -- <"$t"
status=$?
rm -f "$t"
exit $status
"""


def _ends(path: str, *, to_source: bool) -> tuple[str, str]:
    """Where from and where to: rsync runs on the target, whichever way it is."""
    there, here = f"transhume-source:{path}/", f"{path}/"
    return (here, there) if to_source else (there, here)


@dataclass(frozen=True)
class SyncPaths:
    """Bring these entries of a tree and nothing else: what is gone on the source goes, too.

    `names` are paths in the tree, each with a NUL after it: the bytes as the disk has them. A
    folder among them is its owner, mode and times, not its content; "." is the tree's own folder,
    of which rsync lists the content as well. What vanishes between the list and the copy is an
    error when it is the last pass. With `to_source` it goes the other way.
    """

    path: str
    names: bytes
    finish: bool = False
    to_source: bool = False

    def options(self) -> tuple[str, ...]:
        """What follows `rsync`, without where from and where to; it reads the names."""
        # --force: a whole folder may be gone, or be a file now.
        missing = "--ignore-missing-args" if self.to_source else "--delete-missing-args"
        return ("-aHAXS", "--modify-window=-1", "--from0", "--files-from=-", missing, "--force")

    def listed(self) -> bytes:
        """The names as rsync reads them, which takes a line that begins with # or ; for a note."""
        return b"".join(b"./" + name + b"\0" for name in self.names.split(b"\0")[:-1])

    def commands(self) -> Iterator[Command]:
        if self.to_source:
            yield Command("source", ("mkdir", "-p", self.path))
        ends = _ends(self.path, to_source=self.to_source)
        words = (*self.options(), f"--rsh=ssh -F {SSH_CONFIG}", *ends)
        yield _rsync(words, self.listed(), self.finish)
        if self.to_source:
            words = (str(len(self.names)), self.path)
            yield Command("target", ("sh", "-c", _GONE, "gone", *words), self.names)


def _rsync(words: tuple[str, ...], names: bytes, finish: bool) -> Command:
    """While people work a file may change in its hands; when nobody does that is an error."""
    argv = ("rsync", *_METER, *words)
    if finish:
        return Command("target", argv, names)
    return Command("target", argv, names, (0, 24), _RESTLESS)


@dataclass(frozen=True)
class SeedTree:
    """Bring a tree that the target hardly has over several connections at once.

    Only whole ordinary files of one name, with owner, mode and time: SyncTree brings the rest,
    and finds nothing to do for what arrived. `lane` is the command behind one connection, which
    gets `programs` first and then is asked for files (agent/send.py); as many are opened as make
    it faster. `expected` is how many bytes are thought to move.
    """

    path: str
    lane: tuple[str, ...]
    programs: bytes
    expected: int = 0

    def commands(self) -> Iterator[Command]:
        """What the source has, what the target has already, and the way from one to the other."""
        yield Command("target", ("mkdir", "-p", self.path))
        find = ("find", self.path, "-mindepth", "1")
        skip = ("-name", PARTIAL, "-prune", "-o", "-type", "f", "-printf", _LISTED)
        there = shlex.join((*find, *skip))
        yield Command("target", ("ssh", "-F", SSH_BULK, "transhume-source", "--", there), ok=(0, 1))
        yield Command("target", (*find, "-type", "f", "-printf", r"%P\0"))
        yield Command("target", self.lane, self.programs)


@dataclass(frozen=True)
class SyncFiles:
    """Bring single files from the source to the same paths on the target, owners mapped by name.

    The folders on the way stay as they are here: rsync would give them, and the root folder itself,
    the owner and the mode that the source tells (rsync(1), --no-implied-dirs).
    With `to_source` it goes the other way, and what is replaced is kept in the folder `aside`.
    """

    paths: tuple[str, ...]
    to_source: bool = False
    aside: str = ""

    def commands(self) -> Iterator[Command]:
        names = b"".join(
            path.lstrip("/").encode(errors="surrogateescape") + b"\0" for path in self.paths
        )
        argv: tuple[str, ...] = (
            "rsync",
            "-aHAX",
            "--checksum",
            "--no-implied-dirs",
            "--from0",
            "--files-from=-",
            f"--rsh=ssh -F {SSH_CONFIG}",
        )
        if self.to_source:
            yield Command("source", ("mkdir", "-p", self.aside))
            argv = (*argv, "--backup", f"--backup-dir={self.aside}", "/", "transhume-source:/")
        else:
            argv = (*argv, "transhume-source:/", "/")
        yield Command("target", argv, names)
