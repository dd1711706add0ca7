"""Write what send.py sends into one tree, and print a line for each batch: files, bytes, left out.

Argument: the tree's folder. What comes in is not trusted: a name with `..` ends the run, and no
symbolic link is followed on the way to a file. A file gets its time as the last thing, so that a
part of one is never taken for the whole; a file that is there already is left to rsync. Large
ones grow in the folder in which rsync, too, keeps what is not whole.
"""

import contextlib
import errno
import grp
import os
import pwd
import struct
import sys
from typing import Any, BinaryIO, Callable, Dict, Tuple

HEADER = struct.Struct(">cHHIqQQ")
CHUNK = 1 << 20
MOST_FOLDERS = 256
PARTIAL = b".transhume-partial"
WRITE = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
LOOK = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Somebody else's file, folder or symbolic link is in the way: that is for rsync to clear up.
IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENOENT)
CUT_OFF = 75
FAILED = 74


class CutOff(Exception):
    """The stream ended before its end."""


class Folders:
    """Folders of the tree held open, made where they are missing, no symbolic link followed."""

    def __init__(self, top: bytes) -> None:
        self.top = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
        self.known: Dict[bytes, int] = {}

    def of(self, name: bytes) -> Tuple[int, bytes]:
        """The folder in which a name stands, and its last part."""
        folder, _, last = name.rpartition(b"/")
        if last in (b"", b".", b"..") or b"\0" in last:
            raise ValueError("a name that leads out of the tree: %r" % name)
        return self.at(folder), last

    def at(self, folder: bytes) -> int:
        if not folder:
            return self.top
        found = self.known.get(folder)
        if found is None:
            found = self.open(*self.of(folder))
            if len(self.known) >= MOST_FOLDERS:
                self.forget()
            self.known[folder] = found
        return found

    def open(self, above: int, last: bytes) -> int:
        try:
            return os.open(last, LOOK, dir_fd=above)
        except FileNotFoundError:
            # Another stream may make the same one.
            with contextlib.suppress(FileExistsError):
                os.mkdir(last, 0o700, dir_fd=above)
            return os.open(last, LOOK, dir_fd=above)

    def forget(self) -> None:
        while self.known:
            os.close(self.known.popitem()[1])


class Receiver:
    """Writes what comes in; `files`, `bytes` and `left` are of the batch so far."""

    def __init__(self, top: bytes, stream: BinaryIO) -> None:
        self.folders = Folders(top)
        self.stream = stream
        self.owners: Dict[int, Tuple[int, int]] = {}
        self.files = self.bytes = self.left = 0

    def run(self) -> None:
        """Until the end of the stream."""
        kinds: Dict[bytes, Callable[..., None]] = {
            b"o": self.owner,
            b"f": self.file,
            b"p": self.piece,
            b"e": self.end,
        }
        while True:
            kind, length, owner, mode, mtime, size, offset = HEADER.unpack(self.take(HEADER.size))
            if kind == b"z":
                return
            name = self.take(length)
            if kind == b".":
                self.batch()
            elif kind == b"s":
                self.left += 1
            else:
                kinds[kind](name, owner, mode, mtime, size, offset)

    def take(self, length: int) -> bytes:
        data = self.stream.read(length)
        if len(data) != length:
            raise CutOff()
        return data

    def owner(self, name: bytes, number: int, *_: int) -> None:
        user, group, uid, gid = name.decode("utf-8", "surrogateescape").split("\0")
        self.owners[number] = (
            known(pwd.getpwnam, user, int(uid)),
            known(grp.getgrnam, group, int(gid)),
        )

    def file(self, name: bytes, owner: int, mode: int, mtime: int, size: int, offset: int) -> None:
        try:
            folder, last = self.folders.of(name)
            descriptor = os.open(last, WRITE | os.O_EXCL, 0o600, dir_fd=folder)
        except OSError as error:
            self.skip(error, size)
            return
        try:
            self.copy(descriptor, size)
            dress(descriptor, self.owners[owner], mode, mtime)
        except BaseException:
            os.unlink(last, dir_fd=folder)
            raise
        finally:
            os.close(descriptor)
        self.files += 1
        self.bytes += size

    def piece(self, name: bytes, owner: int, mode: int, mtime: int, size: int, offset: int) -> None:
        try:
            folder, last = self.folders.of(partial(name))
            descriptor = os.open(last, WRITE, 0o600, dir_fd=folder)
        except OSError as error:
            self.skip(error, size)
            return
        try:
            os.lseek(descriptor, offset, os.SEEK_SET)
            self.copy(descriptor, size)
        finally:
            os.close(descriptor)
        self.bytes += size

    def end(self, name: bytes, owner: int, mode: int, mtime: int, size: int, offset: int) -> None:
        """The last piece has arrived: the file takes its name, unless that is taken."""
        try:
            folder, last = self.folders.of(name)
            aside, part = self.folders.of(partial(name))
            descriptor = os.open(part, WRITE & ~os.O_CREAT, dir_fd=aside)
            try:
                if os.fstat(descriptor).st_size != offset:
                    raise FileExistsError(errno.EEXIST, "of another size")
                dress(descriptor, self.owners[owner], mode, mtime)
            finally:
                os.close(descriptor)
            os.link(part, last, src_dir_fd=aside, dst_dir_fd=folder, follow_symlinks=False)
            os.unlink(part, dir_fd=aside)
        except OSError as error:
            self.skip(error, 0)
            return
        self.tidy(name)
        self.files += 1

    def tidy(self, name: bytes) -> None:
        folder = name.rpartition(b"/")[0]
        try:
            os.rmdir(PARTIAL, dir_fd=self.folders.at(folder))
        except OSError:
            return  # Another large file of that folder is on its way.
        self.folders.forget()

    def skip(self, error: OSError, size: int) -> None:
        """Go on without this one; every other error ends the run."""
        if error.errno not in IN_THE_WAY:
            raise error
        while size:
            size -= len(self.take(min(size, CHUNK)))
        self.left += 1

    def copy(self, descriptor: int, size: int) -> None:
        while size:
            data = memoryview(self.take(min(size, CHUNK)))
            size -= len(data)
            while data:
                data = data[os.write(descriptor, data) :]

    def batch(self) -> None:
        sys.stdout.write("%d %d %d\n" % (self.files, self.bytes, self.left))
        sys.stdout.flush()
        self.files = self.bytes = self.left = 0


def dress(descriptor: int, owner: Tuple[int, int], mode: int, mtime: int) -> None:
    """Owner, mode and, as the last thing, time."""
    os.fchown(descriptor, *owner)
    os.fchmod(descriptor, mode)
    os.utime(descriptor, ns=(mtime, mtime))


def known(look: Callable[[str], Any], name: str, number: int) -> int:
    """The number that a name has here, or the other machine's."""
    try:
        return int(look(name)[2]) if name else number
    except KeyError:
        return number


def partial(name: bytes) -> bytes:
    """Where a large file grows until it is whole."""
    folder, slash, last = name.rpartition(b"/")
    return folder + slash + PARTIAL + b"/" + last


def main() -> int:
    """Write what comes in; the status says what kind of end it was."""
    try:
        Receiver(os.fsencode(sys.argv[1]), sys.stdin.buffer).run()
    except CutOff:
        sys.stderr.write("the stream was cut off\n")
        return CUT_OFF
    except OSError as error:
        sys.stderr.write("receive: %s\n" % error.strerror)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
