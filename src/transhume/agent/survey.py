"""Look at each entry of some trees once and say what is in use there: a JSON line for each tree.

python3 survey.py TREE... ; a tree inside another one is counted by itself. Memory is bounded by the
largest folder and by LINKS_KEPT.
"""

import errno
import grp
import json
import os
import pwd
import stat
import sys
import threading
from typing import Callable, Dict, Iterable, List, Optional, Set, Tuple

Item = Tuple["Tree", bytes]

THREADS = 4  # Their waits for the disk overlap; Python's own lock keeps them to one core.
EXAMPLES = 5
LINKS_KEPT = 100000
SPARSE_BYTES = 1 << 20  # What a file may lack of its size before it counts as sparse.
BLOCK = 4096
ACL = ("system.posix_acl_access", "system.posix_acl_default", "system.nfs4_acl")


class Tally:
    """What was counted, and for each kind of thing how many there are with a few examples."""

    def __init__(self) -> None:
        self.counts = {"entries": 0, "folders": 0, "bytes": 0, "allocated": 0, "vanished": 0}
        self.largest = 0
        self.owners: Dict[str, Dict[int, int]] = {"users": {}, "groups": {}}
        self.found: Dict[str, Tuple[int, List[str]]] = {}

    def count(self, key: str, amount: int = 1) -> None:
        self.counts[key] += amount

    def owned(self, kind: str, number: int, amount: int = 1) -> None:
        self.owners[kind][number] = self.owners[kind].get(number, 0) + amount

    def note(self, kind: str, example: bytes) -> None:
        self._found(kind, 1, [os.fsdecode(example)])

    def _found(self, kind: str, amount: int, examples: List[str]) -> None:
        number, known = self.found.get(kind, (0, []))
        self.found[kind] = (number + amount, known + examples[: EXAMPLES - len(known)])

    def add(self, other: "Tally") -> None:
        for key, amount in other.counts.items():
            self.count(key, amount)
        self.largest = max(self.largest, other.largest)
        for kind, numbers in other.owners.items():
            for number, amount in numbers.items():
                self.owned(kind, number, amount)
        for kind, (amount, examples) in other.found.items():
            self._found(kind, amount, examples)


class Names:
    """A file with several names: where the first one was found, and how many were."""

    def __init__(self, tree: "Tree", path: bytes, links: int) -> None:
        self.tree, self.path, self.links = tree, path, links
        self.seen = 0
        self.parted = False


class Links:
    """Names of files that have several, over all trees: which have one elsewhere as well."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.known: Dict[Tuple[int, int], Names] = {}
        self.full = False

    def first(self, tree: "Tree", path: bytes, status: os.stat_result) -> bool:
        """Whether this is the first name of its file; names beyond LINKS_KEPT count as files."""
        key = (status.st_dev, status.st_ino)
        with self.lock:
            if key not in self.known and len(self.known) >= LINKS_KEPT:
                self.full = True
                return True
            names = self.known.setdefault(key, Names(tree, path, status.st_nlink))
            names.seen += 1
            names.parted = names.parted or names.tree is not tree
            return names.seen == 1

    def split(self) -> List[Item]:
        """Tree and first name of each file that has names in another tree, or in none."""
        every = self.known.values()
        return [(each.tree, each.path) for each in every if each.parted or each.seen < each.links]


class Tree:
    """One tree and what was found in it."""

    def __init__(self, path: bytes) -> None:
        self.path = path
        self.tally = Tally()
        self.lock = threading.Lock()

    def add(self, tally: Tally) -> None:
        with self.lock:
            self.tally.add(tally)


class Pending:
    """Folders that are still to be looked at; the last one found goes first, so few wait."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = list(items)
        self.busy = 0
        self.change = threading.Condition()

    def put(self, items: List[Item]) -> None:
        with self.change:
            self.items += items
            self.change.notify_all()

    def take(self) -> Optional[Item]:
        """A tree and a folder of it; None when all is done."""
        with self.change:
            while not self.items and self.busy:
                self.change.wait()
            if not self.items:
                return None
            self.busy += 1
            return self.items.pop()

    def done(self) -> None:
        with self.change:
            self.busy -= 1
            self.change.notify_all()


class Survey:
    """One pass over all trees."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.trees = [Tree(os.fsencode(path)) for path in paths]
        self.parts = {tree.path: tree for tree in self.trees if self.within(tree)}
        self.links = Links()
        self.failure: Optional[Exception] = None

    def within(self, tree: Tree) -> bool:
        """Whether it is a part of another tree: then it is counted by itself alone."""
        return any(tree.path.startswith(other.path + b"/") for other in self.trees)

    def run(self) -> None:
        """Look at everything; what a thread couldn't cope with is raised here."""
        whole = [tree for tree in self.trees if tree.path not in self.parts]
        present = [tree for tree in whole if os.path.isdir(tree.path)]
        pending = Pending((tree, tree.path) for tree in present)
        for tree in present:
            self.entry(tree.tally, tree, tree.path, os.stat(tree.path))
        threads = [threading.Thread(target=self.work, args=(pending,)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failure is not None:
            raise self.failure
        for tree, path in self.links.split():
            tree.tally.note("split-link", path)

    def work(self, pending: Pending) -> None:
        while True:
            item = pending.take()
            if item is None:
                return
            try:
                pending.put(self.folder(*item))
            except Exception as failure:  # noqa: BLE001 - told by the thread that waits
                self.failure = failure
            finally:
                pending.done()

    def folder(self, tree: Tree, path: bytes) -> List[Item]:
        """Count one folder's entries; gives the folders in it."""
        tally = Tally()
        inner: List[Item] = []
        folded: Set[str] = set()
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    part = self.parts.get(entry.path, tree)
                    own = tally if part is tree else Tally()
                    if self.looked(own, part, entry, folded):
                        inner.append((part, entry.path))
                    if own is not tally:
                        part.add(own)
        except OSError as error:
            _missed(tally, path, error)
        tree.add(tally)
        return inner

    def looked(
        self, tally: Tally, tree: Tree, entry: "os.DirEntry[bytes]", folded: Set[str]
    ) -> bool:
        """Count one entry; whether it is a folder."""
        try:
            status = entry.stat(follow_symlinks=False)
            self.entry(tally, tree, entry.path, status)
        except OSError as error:
            _missed(tally, entry.path, error)
            return False
        name = os.fsdecode(entry.name).casefold()
        if name in folded:
            tally.note("case", entry.path)
        folded.add(name)
        return stat.S_ISDIR(status.st_mode)

    def entry(self, tally: Tally, tree: Tree, path: bytes, status: os.stat_result) -> None:
        tally.count("entries")
        tally.owned("users", status.st_uid)
        tally.owned("groups", status.st_gid)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFDIR:
            tally.count("folders")
            tally.count("bytes", BLOCK)
            tally.count("allocated", status.st_blocks * 512)
        elif kind == stat.S_IFREG:
            self.regular(tally, tree, path, status)
        elif kind == stat.S_IFLNK:
            self.symbolic(tally, path)
        else:
            device = kind in (stat.S_IFCHR, stat.S_IFBLK)
            tally.note("device" if device else "special", path)
        if kind != stat.S_IFLNK:
            _attributes(tally, path)

    def regular(self, tally: Tally, tree: Tree, path: bytes, status: os.stat_result) -> None:
        if status.st_nlink > 1:
            tally.note("hard-link", path)
            if not self.links.first(tree, path, status):
                return
        size, allocated = status.st_size, status.st_blocks * 512
        tally.count("bytes", -(-size // BLOCK) * BLOCK)
        tally.count("allocated", allocated)
        tally.largest = max(tally.largest, size)
        if status.st_mode & (stat.S_ISUID | stat.S_ISGID):
            tally.note("set-uid", path)
        if allocated + SPARSE_BYTES <= size:
            tally.note("sparse", path)

    def symbolic(self, tally: Tally, path: bytes) -> None:
        tally.note("symbolic", path)
        to = os.readlink(path)
        reached = os.path.normpath(os.path.join(os.path.dirname(path), to))
        inside = any(
            reached == tree.path or reached.startswith(tree.path + b"/") for tree in self.trees
        )
        if not inside:
            tally.note("outside", path + b" -> " + to)


def _missed(tally: Tally, path: bytes, error: OSError) -> None:
    # People work meanwhile: what is gone again isn't part of the tree.
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
        tally.count("vanished")
    else:
        tally.note("unreadable", path + b": " + os.fsencode(error.strerror or "no word"))


def _attributes(tally: Tally, path: bytes) -> None:
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.EPERM):
            return
        raise
    if any(name in ACL for name in names):
        tally.note("acl", path)
    # What SELinux writes is the distribution's own.
    if any(name not in ACL and name != "security.selinux" for name in names):
        tally.note("attribute", path)


def _named(
    numbers: Dict[int, int], name_of: Callable[[int], str]
) -> Tuple[Dict[str, int], Dict[str, int]]:
    """Numbers as names, and those that have none."""
    named: Dict[str, int] = {}
    nameless: Dict[str, int] = {}
    for number, amount in numbers.items():
        try:
            named[name_of(number)] = amount
        except KeyError:
            nameless[str(number)] = amount
    return named, nameless


def told(tree: Tree, links: Links) -> Dict[str, object]:
    """What is said of one tree."""
    tally = tree.tally
    users, nameless_users = _named(tally.owners["users"], lambda uid: pwd.getpwuid(uid).pw_name)
    groups, nameless_groups = _named(tally.owners["groups"], lambda gid: grp.getgrgid(gid).gr_name)
    return {
        "tree": os.fsdecode(tree.path),
        "largest": tally.largest,
        "users": users,
        "groups": groups,
        "nameless_users": nameless_users,
        "nameless_groups": nameless_groups,
        "found": tally.found,
        "links_counted": not links.full,
        **tally.counts,
    }


def main(paths: List[str]) -> None:
    """Survey these trees, all in one pass."""
    survey = Survey(paths)
    survey.run()
    for tree in survey.trees:
        print(json.dumps(told(tree, survey.links), sort_keys=True), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
