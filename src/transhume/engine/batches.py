"""Cut what a tree's source lists into batches: small files together, large ones in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from transhume.core.change import PARTIAL
from transhume.errors import StepFailed

BATCH = 1 << 20
PIECE = 4 << 20
MOST_FILES = 256
_NANO = 10**9
# Twice what Linux lets a path be, and the numbers in front of it.
_LONGEST = 1 << 13
# Smaller holes than this aren't worth rsync's reading.
_SPARSE_FROM = 1 << 16


@dataclass(frozen=True)
class File:
    """An ordinary file as find(1) lists it: name within the tree, bytes, time in nanoseconds."""

    name: bytes
    size: int
    mtime: int


@dataclass
class Large:
    """A file in pieces: how many haven't arrived, and whether one never will."""

    file: File
    missing: int
    spoilt: bool = False


@dataclass(frozen=True)
class Batch:
    """What is asked for at once: the words for it, bytes, files, and the large file it is of."""

    words: bytes
    size: int
    files: int
    large: Large | None = None


def listed(entry: bytes) -> File | None:
    """The file of an entry; None for one that rsync alone copies right: of several names, with
    holes, or of a time before 1970."""
    try:
        links, size, blocks, time, name = entry.split(b" ", 4)
        return _file(links, int(size), int(blocks), time, name)
    except ValueError:
        return None  # Nothing that find prints.


def _file(links: bytes, size: int, blocks: int, time: bytes, name: bytes) -> File | None:
    holes = size >= _SPARSE_FROM and blocks * 512 < size * 9 // 10
    if links != b"1" or holes or time.startswith(b"-"):
        return None
    seconds, _, fraction = time.partition(b".")
    return File(name, size, int(seconds) * _NANO + int(fraction[:9].ljust(9, b"0")))


def lacking(entries: Iterable[bytes], present: set[int]) -> Iterator[File]:
    """The files that can be carried and whose names the target hasn't."""
    for entry in entries:
        file = listed(entry)
        if file is not None and hash(file.name) not in present:
            yield file


def names(entries: Iterable[bytes]) -> set[int]:
    """A hash of each name there, a begun large file's own among them: rsync goes on with those.

    Names take ten times the memory; two of one hash would leave one of them to rsync, too.
    """
    folder = f"{PARTIAL}/".encode()
    return {hash(entry.replace(folder, b"")) for entry in entries}


def batches(files: Iterable[File]) -> Iterator[Batch]:
    """In the order in which they come, which is the disk's."""
    words: list[bytes] = []
    size = 0
    for file in files:
        if file.size > PIECE:
            yield from _pieces(file)
            continue
        words.append(b"f\0%b\0" % file.name)
        size += file.size
        if size >= BATCH or len(words) >= MOST_FILES:
            yield _batch(words, size)
            words, size = [], 0
    if words:
        yield _batch(words, size)


def _batch(words: list[bytes], size: int) -> Batch:
    return Batch(b"".join(words) + b".\0", size, len(words))


def _pieces(file: File) -> Iterator[Batch]:
    starts = range(0, file.size, PIECE)
    large = Large(file, len(starts))
    for start in starts:
        size = min(PIECE, file.size - start)
        yield Batch(b"p\0%b\0%d\0%d\0.\0" % (file.name, start, size), size, 0, large)


def ending(large: Large) -> Batch:
    """What gives a large file its name, once all its pieces have arrived."""
    file = large.file
    return Batch(b"e\0%b\0%d\0%d\0.\0" % (file.name, file.size, file.mtime), 0, 1)


def split(hear: Callable[[], bytes], mark: bytes) -> Iterator[bytes]:
    """What stands before each mark, as it comes; what has no mark behind it was cut off."""
    rest = b""
    while data := hear():
        *found, rest = (rest + data).split(mark)
        yield from found
        if len(rest) > _LONGEST:
            raise StepFailed("a list of files holds a name without an end")
