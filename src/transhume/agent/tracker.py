"""Follow which paths under some trees change: a daemon on the source that keeps a list on disk.

    tracker.py FOLDER WAYS TREE...

WAYS are tried in order, each by calling it: `names` (fanotify(7) that names the entry, Linux 5.9),
`folders` (that names the folder or the object only, Linux 5.1); a tree that neither can follow is
left to be scanned. FOLDER holds the list, SQLite of this run alone, and a socket: who asks gets
a line of JSON once all that happened before is in the list. Whatever may have been missed (an
overflow, a run before this one, a mount that came or went) stands in the table `gap`.
"""

import contextlib
import ctypes
import json
import os
import select
import socket
import sqlite3
import stat
import struct
import sys
import time
from typing import Any, Dict, List, Optional, Set, Tuple

MODIFY, ATTRIB, CLOSE_WRITE = 0x2, 0x4, 0x8
MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x40, 0x80, 0x100, 0x200
MOVING, OVERFLOW, ONDIR = MOVED_FROM | MOVED_TO | DELETE, 0x4000, 0x40000000
MASK = MODIFY | ATTRIB | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE | ONDIR
# FAN_CLOEXEC and FAN_NONBLOCK, then FAN_REPORT_FID, _DIR_FID and _NAME.
FLAGS = {"names": 0x3 | 0x200 | 0x400 | 0x800, "folders": 0x3 | 0x200}
ADD_FILESYSTEM = 0x1 | 0x100
NAMED = 2  # FAN_EVENT_INFO_TYPE_DFID_NAME
EVENT, SIZE, HANDLE = struct.Struct("=IBBHQii"), struct.Struct("=H"), struct.Struct("=I")
# A record is a header (4 bytes), the file system (8), then the handle with its own length (8 more).
FSID, OPENED, BODY = slice(4, 12), 12, 20
# What other machines do there is told to nobody here.
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "gfs2", "ocfs2", "fuse")
SETTLE_SECONDS = 0.02  # events of one file gather meanwhile, and the kernel merges them
WRITE_SECONDS = 1.0
MOST = 20000  # entries held in memory, of each kind
TRIES = 3

SCHEMA = """
create table meta (run text, seq integer);
create table tree (number integer primary key, path blob, way text, acked integer, proved integer,
    asked real, told integer, handed integer, seconds real);
create table changed (tree integer, path blob, deep integer, seq integer,
    primary key (tree, path, deep)) without rowid;
create table gap (tree integer, seq integer, reason text);
"""

Place = Tuple[int, bytes]  # a tree's number and a path in it, empty for its own folder
Mount = Tuple[bytes, bytes, bytes]

libc = ctypes.CDLL(None, use_errno=True)


class Refused(Exception):
    """The kernel doesn't offer this here."""


class Lost(Exception):
    """Something changed, and nobody can say where."""


class Gone(Exception):
    """It was deleted; or it is being renamed, which the kernel tells in the same way."""


def call(name: str, *arguments: Any) -> int:
    """A function of the C library; Refused where it fails."""
    result = int(getattr(libc, name)(*arguments))
    if result >= 0:
        return result
    raise Refused("%s: %s" % (name, os.strerror(ctypes.get_errno())))


def fsid(path: bytes) -> bytes:
    """The file system's id as events carry it; statfs(2): f_fsid stands at 56 on 64-bit Linux."""
    buffer = ctypes.create_string_buffer(256)
    call("statfs", path, buffer)
    return buffer.raw[56:64]


def below(path: bytes, top: bytes) -> Optional[bytes]:
    """The path from `top` on; None when it isn't in it."""
    return path[len(top) + 1 :] if (path + b"/").startswith(top + b"/") else None


def mounts() -> List[Mount]:
    """Path, kind, number and device of all mounts, the topmost last; proc(5), mountinfo."""
    found = []
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            words = line.split()
            path = words[4]
            for code in (b"\\040", b"\\011", b"\\012", b"\\134"):
                path = path.replace(code, bytes([int(code[1:], 8)]))
            found.append((path, words[words.index(b"-") + 1], words[0] + b" " + words[2]))
    return found


class Tree:
    """One tree, and where it really is: its folder, that folder's identity, its mounts."""

    def __init__(self, number: int, path: bytes) -> None:
        self.number, self.path, self.way, self.real = number, path, "", b""
        self.mounts: List[Mount] = []
        self.shape: Tuple[Any, ...] = ()

    def look(self) -> bool:
        """Look again; whether it is another one than before."""
        before = self.shape
        self.real = os.path.realpath(self.path)
        try:
            seen = os.stat(self.real)
            self.mounts = self._mounts()
            self.shape = (self.real, seen.st_dev, seen.st_ino, self.mounts)
        except OSError:
            self.mounts, self.shape = [], ()
        return before != self.shape

    def _mounts(self) -> List[Mount]:
        every = mounts()
        around = [m for m in every if m[0] == b"/" or below(self.real, m[0]) is not None]
        own = max(enumerate(around), key=lambda item: (len(item[1][0]), item[0]))[1]
        return [(self.real, own[1], own[2])] + [m for m in every if below(m[0], self.real)]


class Watch:
    """The kernel's notifications: one group, with a mark on each file system of the trees.

    `points` are folders through which a file system's handles are opened, by its id. They aren't
    kept open: an admin may want to unmount.
    """

    def __init__(self, ways: List[str], trees: List[Tree]) -> None:
        self.way, self.fd, self.refused = "", -1, "not asked for"
        self.points: Dict[bytes, Set[bytes]] = {}
        self.known: Dict[bytes, List[Place]] = {}
        self._trees = trees
        self._marks: Set[str] = set()
        for way in ways:
            try:
                self.fd = call("fanotify_init", FLAGS[way], os.O_RDONLY | os.O_CLOEXEC)
                self.way = way
                return
            except Refused as error:
                self.refused = str(error)

    def follow(self) -> None:
        """Mark all file systems of the trees, and note in which way each is followed."""
        self.points.clear()
        self.known.clear()
        for tree in self._trees:
            tree.way = self._follow(tree) if tree.shape else "absent"
        self._marks = self._marked()

    def _follow(self, tree: Tree) -> str:
        try:
            for path, kind, _ in tree.mounts if self.way else ():
                if kind.split(b".")[0].decode() in REMOTE:
                    raise Refused("%s is of other machines, too" % kind.decode())
                mask = ctypes.c_uint64(MASK)
                call("fanotify_mark", self.fd, ADD_FILESYSTEM, mask, -100, path)
                self.points.setdefault(fsid(path), set()).add(path)
        except Refused as error:
            self.refused = str(error)
            return "scan"
        return self.way or "scan"

    def _marked(self) -> Set[str]:
        if not self.way:
            return set()
        with open("/proc/self/fdinfo/%d" % self.fd) as file:
            return {line.split()[1] for line in file if line.startswith("fanotify sdev:")}

    def lost(self) -> bool:
        """Whether a mark is gone: a file system that was unmounted takes its mark along."""
        return not self._marks <= self._marked()

    def read(self, found: Dict[bytes, int]) -> bool:
        """Add the waiting events, by what they are about; False when none waits."""
        try:
            buffer, at = os.read(self.fd, 1 << 18), 0
        except BlockingIOError:
            return False
        while at < len(buffer):
            length, _, _, start, mask, _, _ = EVENT.unpack_from(buffer, at)
            about, first = b"", at + start
            if length > start:
                about = buffer[first : first + SIZE.unpack_from(buffer, first + 2)[0]]
            found[about] = found.get(about, 0) | mask
            at += length
        return True

    def folder(self, record: bytes, end: int) -> List[Place]:
        """The places of the folder whose handle this is; kept until folders move."""
        key = record[4:end]
        places = self.known.get(key)
        if places is None:
            if len(self.known) >= MOST:
                self.known.clear()
            places = self.known[key] = [place for place, _ in self.find(record, end)]
        return places

    def find(self, record: bytes, end: int) -> List[Tuple[Place, bool]]:
        """The places of whatever the handle leads to, and whether it is a folder."""
        found: Dict[Place, bool] = {}
        for point in self.points.get(record[FSID], ()):
            path, folder = pathed(point, record[OPENED:end])
            for tree in self._trees:
                rest = below(path, tree.real) if path else None
                if rest is not None:
                    found[tree.number, rest] = folder
        return list(found.items())


def pathed(point: bytes, handle: bytes) -> Tuple[bytes, bool]:
    """The path that a handle leads to, and whether it is a folder's; Gone, Lost."""
    for _ in range(TRIES):
        try:
            through = os.open(point, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Lost(str(error)) from None
        opened = libc.open_by_handle_at(through, handle, os.O_PATH | os.O_CLOEXEC)
        os.close(through)
        if opened < 0:
            raise Gone(os.strerror(ctypes.get_errno()))
        try:
            there = os.fstat(opened)
            path = os.readlink(b"/proc/self/fd/%d" % opened)
            # What was deleted or lies beyond the mount has a path that leads elsewhere.
            if there.st_nlink == 0 or os.path.samestat(os.lstat(path), there):
                return (path if there.st_nlink else b""), stat.S_ISDIR(there.st_mode)
        except FileNotFoundError:
            pass
        finally:
            os.close(opened)
    raise Lost("its path can't be had")


class Book:
    """The list on disk. Nothing of an earlier run is in it: what happened between is a gap."""

    def __init__(self, folder: bytes, trees: List[Tree]) -> None:
        self.run = "%d-%d" % (time.time() * 1000, os.getpid())
        self.seq = 1
        self._trees = trees
        self.waiting: Set[Tuple[int, bytes, int]] = set()
        self._gaps: Set[Tuple[int, str]] = set()
        self.begun = "nothing was copied yet"
        for name in [name for name in os.listdir(folder) if name.startswith(b"list-")]:
            self.begun = "the tracker was ended and began anew"
            os.unlink(os.path.join(folder, name))
        self.path = os.path.join(folder, b"list-%s.db" % self.run.encode())
        self._database = sqlite3.connect(os.fsdecode(self.path), timeout=60, isolation_level=None)
        self._database.execute("pragma journal_mode=wal")
        self._database.executescript(SCHEMA)
        self._database.execute("insert into meta values (?, 1)", (self.run,))
        line = "insert into tree values (?, ?, '', 0, null, 0, 0, 0, 0)"
        self._database.executemany(line, [(tree.number, tree.path) for tree in trees])

    def gap(self, trees: List[Tree], reason: str) -> None:
        """Nobody knows what happened in these since the last pass."""
        self._gaps.update((tree.number, reason) for tree in trees)

    def write(self, close: bool = False) -> int:
        """Put what waits on disk; with `close` under a number that no later change gets."""
        rows = [(*row, self.seq) for row in self.waiting]
        gaps = [(number, self.seq, reason) for number, reason in self._gaps]
        self._database.execute("begin immediate")
        self._database.executemany("insert or replace into changed values (?, ?, ?, ?)", rows)
        self._database.executemany("insert into gap values (?, ?, ?)", gaps)
        ways = [(tree.way, tree.number) for tree in self._trees]
        self._database.executemany("update tree set way = ? where number = ?", ways)
        self._database.execute("update meta set seq = seq + ?", (close,))
        self._database.execute("commit")
        self.waiting.clear()
        self._gaps.clear()
        self.seq += close
        return self.seq - close


class Tracker:
    """Events in, lines of the list out, and an answer to whoever asks."""

    def __init__(self, folder: bytes, ways: List[str], paths: List[bytes]) -> None:
        self.trees = [Tree(number, path) for number, path in enumerate(paths)]
        self.watch = Watch(ways, self.trees)
        self._gone: Dict[bytes, int] = {}
        self.book = Book(folder, self.trees)
        self._look(self.book.begun)
        self.book.write()
        path = os.path.join(folder, b"socket")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        self._socket.listen(8)

    def _look(self, reason: str) -> None:
        """See where the trees are, and mark anew what isn't as it was: a gap."""
        lost = self.watch.lost()
        moved = [tree for tree in self.trees if tree.look() or lost]
        if moved:
            self.watch.follow()
            self.book.gap(moved, reason)

    def run(self) -> None:
        """Until it is ended."""
        written = time.monotonic()
        while True:
            self._turn(WRITE_SECONDS if self.book.waiting else None)
            if len(self.book.waiting) >= MOST or time.monotonic() - written > WRITE_SECONDS:
                self.book.write()
                written = time.monotonic()

    def _turn(self, limit: Optional[float]) -> None:
        """Wait for something, at most `limit` seconds, and take it in."""
        wanted = [self._socket.fileno()] + ([self.watch.fd] if self.watch.way else [])
        ready, _, _ = select.select(wanted, [], [], limit)
        if self.watch.fd in ready:
            time.sleep(SETTLE_SECONDS)
            self.drain()
        if self._socket.fileno() in ready:
            self._answer()

    def drain(self) -> None:
        """Take in every event that waits now, and once more what seemed to be gone."""
        gone, self._gone = self._gone, {}
        self._take(gone)
        self._gone.clear()
        more = self.watch.way != ""
        while more:
            found: Dict[bytes, int] = {}
            while more and len(found) < MOST:
                more = self.watch.read(found)
            self._take(found)
            if len(self.book.waiting) >= MOST:
                self.book.write()

    def _answer(self) -> None:
        asking, _ = self._socket.accept()
        with asking:
            asking.settimeout(5)
            self.drain()
            time.sleep(SETTLE_SECONDS if self._gone else 0)
            self.drain()
            self._look("its mounts or its folder were changed")
            told = {"seq": self.book.write(close=True), "run": self.book.run}
            told.update(list=os.fsdecode(self.book.path), refused=self.watch.refused)
            with contextlib.suppress(OSError):  # Whoever asked may be gone.
                asking.sendall(json.dumps(told).encode() + b"\n")

    def _take(self, found: Dict[bytes, int]) -> None:
        if any(mask & ONDIR and mask & MOVING for mask in found.values()):
            self.watch.known.clear()
        for record, mask in found.items():
            try:
                self._one(record, mask)
            except Gone:
                self._gone[record] = mask
            except Lost as error:
                self._lost(record, str(error))

    def _one(self, record: bytes, mask: int) -> None:
        if mask & OVERFLOW:
            followed = [tree for tree in self.trees if tree.way == self.watch.way]
            self.book.gap(followed, "more happened at once than the kernel keeps")
            return
        # A link that came or went tells of the inode alone; its names tell of themselves.
        if self.watch.way == "names" and record[0] != NAMED and not mask & ~(ATTRIB | ONDIR):
            return
        end = BODY + HANDLE.unpack_from(record, OPENED)[0]
        if record[0] == NAMED:
            name = record[end:].split(b"\0", 1)[0]
            deep = int(bool(mask & ONDIR and mask & MOVED_TO) and name != b".")
            for number, path in self.watch.folder(record, end):
                inside = path if name == b"." else path + b"/" + name if path else name
                self.book.waiting.add((number, inside, deep))
                if not path:
                    self.book.waiting.add((number, b"", 0))
            return
        for (number, path), folder in self.watch.find(record, end):
            if self.watch.way == "folders" and not folder:
                path = path.rpartition(b"/")[0]
            self.book.waiting.add((number, path, 0))

    def _lost(self, record: bytes, reason: str) -> None:
        points = self.watch.points.get(record[FSID], set())
        near = [t for t in self.trees if points & {mount[0] for mount in t.mounts}]
        self.book.gap(near or self.trees, "a change without a path: %s" % reason)


if __name__ == "__main__":
    os.umask(0o077)
    arguments = [os.fsencode(word) for word in sys.argv[1:]]
    wanted = [way for way in arguments[1].decode().split(",") if way in FLAGS]
    Tracker(arguments[0], wanted, arguments[2:]).run()
