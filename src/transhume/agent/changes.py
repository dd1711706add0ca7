"""Tell which paths changed, by the list that tracker.py keeps, or note how far they were copied.

    changes.py ask FOLDER acked|rest|proved... what changed since the last copy or the last proof
    changes.py count FOLDER                    how much that is, without looking for more
    changes.py note FOLDER RUN acked|proved SEQ TREE...

Asking prints lines of JSON: first the run and the number that closes what is told, then for each
tree an object and its paths, each a string (bytes that are no UTF-8 as surrogates). A tree with
`gaps` has no paths: it must be scanned. A tree that the kernel doesn't follow is scanned here: what
each folder held is kept in FOLDER, as names with a mark of inode, change time, size and mode. Hard
links are told with all their names in the tree. The tree's own folder is told with the rest alone:
rsync lists what it holds, in which things come and go unseen while people work.
"""

import collections
import contextlib
import hashlib
import itertools
import json
import os
import socket
import sqlite3
import stat
import struct
import sys
import time
import zlib
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

ANSWER_SECONDS = 20.0
MOST = 200000  # beyond this a scan of the tree is quicker than a list of its parts
BATCH, MARK = 10000, struct.Struct("=QqqI")
NEVER = bytes(8)
FRESH = 2 * 10**9  # what was changed just now may change again and keep its time

SCHEMA = """
create table if not exists folder (tree integer, path blob, entries blob,
    primary key (tree, path)) without rowid;
create table if not exists link (tree integer, inode text, path blob,
    primary key (tree, inode, path)) without rowid;
"""
# How far a tree was copied before, what the list says of it, whether its proof still counts.
TREES = """
select number, path, way, acked, proved, handed, seconds,
    proved is not null and not exists (select 1 from gap where tree = number and seq > proved), told
from tree order by number
"""
NOTE = {
    "acked": "update tree set acked = :seq, handed = :told, seconds = :now - asked",
    # What was told and not copied by then is still to be proved.
    "proved": "update tree set proved = min(:seq, acked)",
}
# What came and went unseen by a scan is known from all that was ever told, until a proof.
DONE = """
delete from changed where tree = :tree and path <> x'' and seq <= (
    select case when way <> 'names' then min(acked, coalesce(proved, 0))
        when exists (select 1 from gap where tree = number and seq > proved) then acked
        else min(acked, coalesce(proved, acked)) end
    from tree where number = :tree)
"""


class Silent(Exception):
    """The tracker isn't there, or doesn't answer."""


def closed(folder: str) -> Dict[str, Any]:
    """Have the tracker write down all that happened until now."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(ANSWER_SECONDS)
        try:
            asking.connect(os.path.join(folder, "socket"))
            with asking.makefile("rb") as answer:
                return dict(json.loads(answer.readline().decode()))
        except (OSError, ValueError) as error:
            raise Silent("the tracker doesn't answer: %s" % (error or "too late")) from None


def opened(path: str) -> sqlite3.Connection:
    """A database that may be written elsewhere at the same time."""
    return sqlite3.connect(path, timeout=60, isolation_level=None)


class Notes:
    """What this program keeps about one run's trees: their folders' entries, their hard links."""

    def __init__(self, folder: str, run: str) -> None:
        kept = "scan-%s.db" % run
        for name in os.listdir(folder):
            if name.startswith("scan-") and not name.startswith(kept):
                os.unlink(os.path.join(folder, name))
        self._database = opened(os.path.join(folder, kept))
        self._database.executescript(SCHEMA)

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """All or nothing of what is noted inside."""
        self._database.execute("begin immediate")
        try:
            yield
            self._database.execute("commit")
        except BaseException:
            self._database.execute("rollback")
            raise

    def entries(self, tree: int, path: bytes) -> Optional[Dict[bytes, bytes]]:
        """The names in a folder with their marks; None when it wasn't seen yet."""
        query = "select entries from folder where tree = ? and path = ?"
        row = self._database.execute(query, (tree, path)).fetchone()
        return None if row is None else dict(unpacked(zlib.decompress(row[0])))

    def put(self, tree: int, path: bytes, entries: Dict[bytes, bytes]) -> None:
        """Note what a folder holds."""
        packed = zlib.compress(b"".join(name + b"\0" + mark for name, mark in entries.items()), 1)
        line = "insert or replace into folder values (?, ?, ?)"
        self._database.execute(line, (tree, path, packed))

    def drop(self, tree: int, path: bytes) -> None:
        """Forget a folder and all beneath it, or the whole tree."""
        line = "delete from folder where tree = ? and (? in (path, x'') or path > ? and path < ?)"
        self._database.execute(line, (tree, path, path + b"/", path + b"0"))

    def linked(self, tree: int, there: os.stat_result) -> List[bytes]:
        """The names that an inode had when the tree's links were counted."""
        query = "select path from link where tree = ? and inode = ?"
        return [row[0] for row in self._database.execute(query, (tree, inode(there)))]

    def count_links(self, tree: int, top: bytes) -> None:
        """Look for every name of a file with several."""
        rows = [
            (tree, inode(there), path)
            for path, there in walk(top, b"")
            if there.st_nlink > 1 and not stat.S_ISDIR(there.st_mode)
        ]
        with self.whole():
            self._database.execute("delete from link where tree = ?", (tree,))
            self._database.executemany("insert or replace into link values (?, ?, ?)", rows)


def inode(there: os.stat_result) -> str:
    """What tells one file from another; its number may be beyond SQLite's integers."""
    return "%d:%d" % (there.st_dev, there.st_ino)


def unpacked(packed: bytes) -> Iterator[Tuple[bytes, bytes]]:
    """Names and marks out of a folder's note."""
    at = 0
    while at < len(packed):
        end = packed.index(b"\0", at)
        yield packed[at:end], packed[end + 1 : end + 9]
        at = end + 9


def listed(top: bytes, path: bytes) -> List[Tuple[bytes, os.stat_result]]:
    """A folder's entries; what vanishes meanwhile is left out, as is the whole folder."""
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in os.scandir(os.path.join(top, path)):
            with contextlib.suppress(FileNotFoundError):
                found.append((entry.name, entry.stat(follow_symlinks=False)))
    return found


def joined(path: bytes, name: bytes) -> bytes:
    """A path in a tree."""
    return path + b"/" + name if path else name


def walk(top: bytes, path: bytes) -> Iterator[Tuple[bytes, os.stat_result]]:
    """Everything beneath a folder of a tree."""
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        for name, there in listed(top, folder):
            yield joined(folder, name), there
            if stat.S_ISDIR(there.st_mode):
                waiting.append(joined(folder, name))


def mark(there: os.stat_result, now: int) -> bytes:
    """What changes whenever the entry does; NEVER when that isn't sure."""
    if there.st_ctime_ns > now - FRESH:
        return NEVER
    packed = MARK.pack(there.st_ino, there.st_ctime_ns, there.st_size, there.st_mode)
    return hashlib.blake2b(packed, digest_size=8).digest()


def scan(notes: Notes, tree: int, top: bytes, paths: List[bytes], deep: bool) -> Iterator[bytes]:
    """What changed in these folders since noted; beneath, in new or changed (`deep`: all) ones."""
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        now = int(time.time() * 1e9)
        there = listed(top, path)
        before = notes.entries(tree, path)
        marks = {name: mark(seen, now) for name, seen in there}
        for name, seen in there:
            other = before is None or marks[name] == NEVER or before.get(name) != marks[name]
            if other:
                yield joined(path, name)
            if stat.S_ISDIR(seen.st_mode) and (deep or other):
                waiting.append(joined(path, name))
        for name in set(before or ()) - set(marks):
            notes.drop(tree, joined(path, name))
            yield joined(path, name)
        notes.put(tree, path, marks)


class Asked:
    """One tree's changes: rows of the list in, every path that must be copied out."""

    def __init__(self, notes: Notes, tree: int, top: bytes) -> None:
        self._notes, self._tree, self._top = notes, tree, top
        self._folders: Dict[bytes, bool] = {b"": True}
        self._linked: Dict[Tuple[int, int], os.stat_result] = {}
        self.found: Set[bytes] = set()

    def add(self, path: bytes, deep: bool) -> None:
        """One changed path; `deep`: with all beneath it."""
        there = self._look(path)
        if there is None:
            self.found.add(self._topmost(path))
            return
        self._take(path, there)
        if deep and stat.S_ISDIR(there.st_mode):
            for inside, seen in walk(self._top, path):
                self._take(inside, seen)

    def _take(self, path: bytes, there: os.stat_result) -> None:
        self.found.add(path)
        if there.st_nlink > 1 and not stat.S_ISDIR(there.st_mode):
            self._linked[there.st_dev, there.st_ino] = there

    def _look(self, path: bytes) -> Optional[os.stat_result]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return os.lstat(os.path.join(self._top, path))
        return None

    def _topmost(self, path: bytes) -> bytes:
        """The highest folder that vanished with it: rsync wants what it deletes to have a place."""
        parent = path.rpartition(b"/")[0]
        if parent not in self._folders:
            seen = self._look(parent)
            self._folders[parent] = seen is not None and stat.S_ISDIR(seen.st_mode)
        return path if self._folders[parent] else self._topmost(parent)

    def links(self) -> None:
        """Add the other names of what has several, so that it arrives as one file again."""
        if not all(self._complete(there) for there in self._linked.values()):
            self._notes.count_links(self._tree, self._top)
            for there in self._linked.values():
                self._complete(there)

    def _complete(self, there: os.stat_result) -> bool:
        """Whether the noted names are still of this file; they are added then."""
        seen = [(name, self._look(name)) for name in self._notes.linked(self._tree, there)]
        live = {name for name, now in seen if now is not None and os.path.samestat(now, there)}
        self.found |= live
        return bool(live)


class Asker:
    """One question: the tracker's list, our own notes, and the number that closes both."""

    def __init__(self, folder: str) -> None:
        self.answer = closed(folder)
        self.book = opened(self.answer["list"])
        self.notes = Notes(folder, self.answer["run"])

    def trees(self) -> List[Tuple[Any, ...]]:
        """Number, path, way, bounds, the last copy's size and seconds, whether proved, asked."""
        return self.book.execute(TREES).fetchall()

    def gaps(self, tree: int, bound: int) -> List[str]:
        """Why the list since that number doesn't tell all."""
        query = "select distinct reason from gap where tree = ? and seq > ?"
        return [row[0] for row in self.book.execute(query, (tree, bound))]

    def count(self, tree: int, bound: int) -> int:
        """How much changed since that number."""
        query = "select count(*) from changed where tree = ? and seq > ? and path <> x''"
        return int(self.book.execute(query, (tree, bound)).fetchone()[0])

    def scan(self, tree: int, top: bytes, way: str, bound: int) -> None:
        """Look for what the kernel doesn't tell, and put it into the list."""
        fresh = bool(self.gaps(tree, bound))
        paths = [b""]
        if way == "folders" and not fresh:
            query = "select path from changed where tree = ? and seq > ?"
            paths = [row[0] for row in self.book.execute(query, (tree, bound))]
        with self.notes.whole():
            if fresh:
                self.notes.drop(tree, b"")
            found = scan(self.notes, tree, top, paths, way == "scan" or fresh)
            # On disk before the notes say that it was seen.
            while self.add(tree, [] if fresh else list(itertools.islice(found, BATCH))):
                pass
            collections.deque(found, 0)

    def add(self, tree: int, paths: List[bytes]) -> bool:
        """Put paths into the list, as if the tracker had told them; whether there were any."""
        rows = [(tree, path, 0, self.answer["seq"]) for path in paths]
        self.book.execute("begin immediate")
        self.book.executemany("insert or replace into changed values (?, ?, ?, ?)", rows)
        self.book.execute("commit")
        return bool(rows)

    def own(self, tree: int, way: str) -> bool:
        """Whether something happened to the tree's own folder, or may have."""
        query = "select 1 from changed where tree = ? and path = x''"
        return way != "names" or self.book.execute(query, (tree,)).fetchone() is not None

    def paths(self, tree: int, top: bytes, bound: int) -> List[bytes]:
        """Every path that must be copied or compared, but the tree's own folder."""
        asked = Asked(self.notes, tree, top)
        query = "select path, deep from changed where tree = ? and seq > ? and path <> x''"
        for path, deep in self.book.execute(query, (tree, bound)):
            asked.add(path, bool(deep))
        asked.links()
        return sorted(asked.found)


def told(value: Any) -> None:
    """One line of the answer."""
    print(json.dumps(value))


def ask(asker: Asker, since: str, looking: bool) -> None:
    """All that changed since then, tree by tree; `looking` for what the kernel doesn't tell."""
    told(asker.answer)
    for number, path, way, acked, proved, _, _, valid, _ in asker.trees():
        began = time.monotonic()  # of the machine, so of all its programs
        if looking and way in ("scan", "folders"):
            asker.scan(number, path, way, acked)
        gaps, bound = asker.gaps(number, acked), acked
        if since == "proved":
            gaps, bound = ([] if valid else ["it wasn't proved yet"]), proved
        elif since == "rest" and way != "names":
            # What had vanished may have come again, been copied and vanished between two scans.
            bound = min(acked, proved or 0)
        if not gaps and asker.count(number, bound) > MOST:
            gaps = ["more than %d paths changed" % MOST]
        there = way != "absent" and not gaps
        paths = asker.paths(number, path, bound) if there else []
        # The other names of a file may have come after the scan.
        asker.add(number, paths if way != "names" else [])
        told({"tree": os.fsdecode(path), "way": way, "gaps": gaps})
        if there and (since == "proved" or (since == "rest" and asker.own(number, way))):
            told(".")
        for name in paths:
            told(os.fsdecode(name))
        if looking:
            line = "update tree set asked = ?, told = ? where number = ?"
            asker.book.execute(line, (began, len(paths), number))


def count(folder: str) -> None:
    """How far each tree is behind, by the list alone."""
    asker = Asker(folder)
    told(asker.answer)
    for number, path, way, acked, proved, handed, seconds, valid, _ in asker.trees():
        line = {"tree": os.fsdecode(path), "way": way, "gaps": asker.gaps(number, acked)}
        line.update(count=asker.count(number, acked), handed=handed, seconds=seconds)
        told(dict(line, proved=bool(valid), open=asker.count(number, proved or 0)))


def note(folder: str, run: str, what: str, seq: int, paths: List[str]) -> None:
    """Note that these trees were copied, or proved, with all that the list told up to `seq`."""
    asker = Asker(folder)
    # Another run's list has its own gaps.
    current = asker.trees() if asker.answer["run"] == run else []
    noted = [tree for tree in current if os.fsdecode(tree[1]) in paths]
    # Trees that were copied together took their time together.
    known = {"seq": seq, "now": time.monotonic(), "told": sum(tree[-1] for tree in noted)}
    for number, path, _, acked, *_ in noted:
        # While everybody works, so that nobody has to wait for it later.
        if what == "acked" and asker.gaps(number, acked):
            asker.notes.count_links(number, path)
        for statement in (NOTE[what] + " where number = :tree", DONE):
            asker.book.execute(statement, dict(known, tree=number))


def main(words: List[str]) -> None:
    """One command."""
    try:
        if words[0] == "note":
            note(words[1], words[2], words[3], int(words[4]), words[5:])
        elif words[0] == "count":
            count(words[1])
        else:
            asker = Asker(words[1])
            for since in words[2:]:
                ask(asker, since, looking=since == words[2])
    except Silent as problem:
        told({"problem": str(problem)})


if __name__ == "__main__":
    main(sys.argv[1:])
