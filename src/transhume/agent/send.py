"""Send the files of one tree that standard input asks for, to receive.py on the other machine.

Argument: the tree's folder. Asked for, each word ended by a NUL, names relative to the tree:

    f NAME                    a whole file
    p NAME OFFSET LENGTH      a piece of a large one
    e NAME SIZE MTIME         its end, if it is still of that size and time (nanoseconds)
    .                         the end of a batch

Printed, one frame each: a header, the name, the bytes. A file that vanished, changed while it was
read or can't be read is told as left out: what is sent is whole.
"""

import grp
import os
import pwd
import signal
import stat
import struct
import sys
from contextlib import suppress
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, Optional, Tuple

# Kind, length of the name, number of the owner, mode, mtime in ns, number of bytes, offset.
HEADER = struct.Struct(">cHHIqQQ")
CHUNK = 1 << 18
MOST_FOLDERS = 256
HOW = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Folders:
    """Folders of the tree held open, each reached without following a symbolic link."""

    def __init__(self, top: bytes) -> None:
        self.top = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
        self.known: Dict[bytes, int] = {}

    def of(self, name: bytes) -> Tuple[int, bytes]:
        """The folder in which a name stands, and its last part."""
        folder, _, last = name.rpartition(b"/")
        return self.at(folder), last

    def at(self, folder: bytes) -> int:
        if not folder:
            return self.top
        found = self.known.get(folder)
        if found is None:
            above, last = self.of(folder)
            found = os.open(last, HOW | os.O_DIRECTORY, dir_fd=above)
            if len(self.known) >= MOST_FOLDERS:
                self.forget()
            self.known[folder] = found
        return found

    def forget(self) -> None:
        while self.known:
            os.close(self.known.popitem()[1])


class Owners:
    """Users and groups by name, each pair told once and then known by its number."""

    def __init__(self, put: Callable[..., None]) -> None:
        self.put = put
        self.numbers: Dict[Tuple[int, int], int] = {}

    def number(self, uid: int, gid: int) -> int:
        known = self.numbers.get((uid, gid))
        if known is None:
            known = self.numbers[uid, gid] = len(self.numbers)
            words = (name(pwd.getpwuid, uid), name(grp.getgrgid, gid), str(uid), str(gid))
            text = "\0".join(words).encode("utf-8", "surrogateescape")
            self.put(HEADER.pack(b"o", len(text), known, 0, 0, 0, 0) + text)
        return known


def name(look: Callable[[int], Any], number: int) -> str:
    """What a number is called here; empty for nobody's."""
    try:
        return str(look(number)[0])
    except KeyError:
        return ""


class Sender:
    """Answers what is asked for, in its order."""

    def __init__(self, top: bytes, out: BinaryIO) -> None:
        self.folders = Folders(top)
        self.out = out
        self.waiting: List[bytes] = []
        self.size = 0
        self.ahead: List[Tuple[bytes, Optional[int]]] = []
        self.owners = Owners(self.put)

    def put(self, *parts: bytes) -> None:
        for part in parts:
            self.waiting.append(part)
            self.size += len(part)
        if self.size >= CHUNK:
            self.flush()

    def flush(self) -> None:
        self.out.write(b"".join(self.waiting))
        self.out.flush()
        self.waiting, self.size = [], 0

    def file(self, path: bytes) -> None:
        """Have the disk read it, which reads many at once sooner than one by one; it is sent with
        its batch."""
        descriptor = self.opened(path)
        if descriptor is not None:
            # What is no file has nothing to be read.
            with suppress(OSError):
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
        self.ahead.append((path, descriptor))

    def piece(self, path: bytes, offset: int, length: int) -> None:
        self.send(path, self.opened(path), lambda path, file: self.part(path, file, offset, length))

    def end(self, path: bytes, size: int, mtime: int) -> None:
        self.send(path, self.opened(path), lambda path, file: self.finish(path, file, size, mtime))

    def opened(self, path: bytes) -> Optional[int]:
        """None where it can't be."""
        try:
            folder, last = self.folders.of(path)
            return os.open(last, HOW, dir_fd=folder)
        except OSError:
            return None

    def send(
        self, path: bytes, descriptor: Optional[int], how: Callable[[bytes, int], bool]
    ) -> None:
        """Send an open file by `how`, which says whether it could, and close it."""
        sent = False
        if descriptor is not None:
            with suppress(OSError):
                sent = how(path, descriptor)
            os.close(descriptor)
        if not sent:
            self.put(HEADER.pack(b"s", 0, 0, 0, 0, 0, 0))

    def whole(self, path: bytes, descriptor: int) -> bool:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            return False
        data = read(descriptor, before.st_size + 1)
        if len(data) != before.st_size or changed(before, os.fstat(descriptor)):
            return False
        self.put(self.header(b"f", path, before, len(data), 0), path, data)
        return True

    def part(self, path: bytes, descriptor: int, offset: int, length: int) -> bool:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False
        os.lseek(descriptor, offset, os.SEEK_SET)
        data = read(descriptor, length)
        if len(data) != length:
            return False
        self.put(HEADER.pack(b"p", len(path), 0, 0, 0, length, offset), path, data)
        return True

    def finish(self, path: bytes, descriptor: int, size: int, mtime: int) -> bool:
        now = os.fstat(descriptor)
        if (now.st_size, now.st_mtime_ns) != (size, mtime):
            return False
        self.put(self.header(b"e", path, now, 0, size), path)
        return True

    def header(
        self, kind: bytes, path: bytes, found: os.stat_result, length: int, offset: int
    ) -> bytes:
        owner = self.owners.number(found.st_uid, found.st_gid)
        mode = stat.S_IMODE(found.st_mode)
        return HEADER.pack(kind, len(path), owner, mode, found.st_mtime_ns, length, offset)

    def batch(self) -> None:
        for path, descriptor in self.ahead:
            self.send(path, descriptor, self.whole)
        self.ahead = []
        self.put(HEADER.pack(b".", 0, 0, 0, 0, 0, 0))
        self.flush()
        # A folder may be another one by the next batch.
        self.folders.forget()


def read(descriptor: int, length: int) -> bytes:
    """So many bytes, fewer where the file ends."""
    data = os.read(descriptor, length)
    if len(data) in (0, length):
        return data
    parts = [data]
    while data:
        data = os.read(descriptor, length - sum(map(len, parts)))
        parts.append(data)
    return b"".join(parts)


def changed(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether a file was written to, or given to somebody, between two looks."""
    return (before.st_size, before.st_mtime_ns, before.st_ctime_ns) != (
        after.st_size,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )


def words(stream: Any) -> Iterator[bytes]:
    """What stands between the NULs."""
    rest = b""
    while True:
        data = stream.read1(CHUNK)
        if not data:
            return
        found = (rest + data).split(b"\0")
        rest = found.pop()
        for word in found:
            yield word


def main() -> None:
    """Answer until nothing more is asked."""
    # The other side says itself why it goes away.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sender = Sender(os.fsencode(sys.argv[1]), sys.stdout.buffer)
    asked = words(sys.stdin.buffer)
    for kind in asked:
        if kind == b"f":
            sender.file(next(asked))
        elif kind == b"p":
            sender.piece(next(asked), int(next(asked)), int(next(asked)))
        elif kind == b"e":
            sender.end(next(asked), int(next(asked)), int(next(asked)))
        else:
            sender.batch()
    # Without this the other side takes the stream for cut off.
    sender.put(HEADER.pack(b"z", 0, 0, 0, 0, 0, 0))
    sender.flush()


if __name__ == "__main__":
    main()
