"""Lists everything about trees, in one order on every machine, so that two listings can be merged.

Standard input is JSON: {"trees": [{"path", "exclude", "contents", "only"}]}. `exclude` are shell
patterns for `/` and the path within the tree. `contents` is empty; "bytes" for the SHA-256 of each
file; or "name" for the SHA-1 of the message in each mail body's file, which needs zstd as Python
3.14 has it, or its backport. With `only` just these paths in it are listed, present or not.

Each line is `=` and the number of a tree, `/` and the path of a folder within it, or a blank and
one entry of that folder. An entry is NAME, KIND, MODE, OWNER, GROUP, SIZE, TIME, SPARSE, LINK,
VALUE, ATTRIBUTES with a NUL between; in names and paths a backslash and a newline are escaped.
KIND is f, d, l, c, b, p or s; `-` is an entry that isn't there; `!` one that couldn't be read, and
then the reason follows alone. Owners are names, so that two machines may number them differently.
Folders come parents first, entries in the order of their bytes; the first line is the tree itself,
with an empty name. LINK is the first path, in this order, of a file with several names.
"""

import errno
import fnmatch
import functools
import grp
import hashlib
import json
import os
import pwd
import stat
import struct
import sys
from multiprocessing import Pipe
from typing import Any, Dict, Iterable, Iterator, List, Tuple

CHUNK = 400
"""Entries that are looked at in one go by one process."""
_BLOCK = 1 << 20
_SPARSE_FROM = 1 << 17
_KINDS = {
    stat.S_IFREG: b"f",
    stat.S_IFDIR: b"d",
    stat.S_IFLNK: b"l",
    stat.S_IFCHR: b"c",
    stat.S_IFBLK: b"b",
    stat.S_IFIFO: b"p",
    stat.S_IFSOCK: b"s",
}
# A label of the distribution's own policy; and one that is bound to the number of the inode.
_NOT_COPIED = ("security.selinux", "security.evm")
_ACLS = ("system.posix_acl_access", "system.posix_acl_default")
_COPIED = ("user.", "trusted.", "security.")
# linux/posix_acl_xattr.h: a version, then tag, permissions and number of each entry.
_ACL_TAGS = {1: b"u:", 2: b"u:%s", 4: b"g:", 8: b"g:%s", 16: b"m:", 32: b"o:"}
_NO_ATTRIBUTES = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)

_users: Dict[int, bytes] = {}
_groups: Dict[int, bytes] = {}

Tag = Tuple[int, bytes, str]
"""What a question is about: the tree's number, the folder, and why that couldn't be listed."""
Question = Tuple[Tag, Tuple[bytes, List[bytes], str, bool]]
"""With it what a worker is asked: the folder, names in it, `contents`, whether some may lack."""
Answer = Tuple[List[bytes], bool]
"""The entries' lines, and whether any of them has further names."""


def user(number: int) -> bytes:
    """The name of a user, or # and the number where it has none."""
    if number not in _users:
        try:
            _users[number] = os.fsencode(pwd.getpwuid(number).pw_name)
        except KeyError:
            _users[number] = b"#%d" % number
    return _users[number]


def group(number: int) -> bytes:
    """The name of a group, or # and the number where it has none."""
    if number not in _groups:
        try:
            _groups[number] = os.fsencode(grp.getgrgid(number).gr_name)
        except KeyError:
            _groups[number] = b"#%d" % number
    return _groups[number]


def escaped(name: bytes) -> bytes:
    """The name on one line."""
    if b"\\" in name or b"\n" in name:
        return name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
    return name


def acl(raw: bytes) -> bytes:
    """An access control list with its users and groups by name."""
    entries = []
    for tag, permissions, number in struct.iter_unpack("<HHI", raw[4:]):
        who = _ACL_TAGS.get(tag, b"?%d" % tag)
        if b"%s" in who:
            who = who % (user(number) if tag == 2 else group(number))
        entries.append(b"%s:%d" % (who, permissions))
    return b",".join(entries)


def attributes(name: bytes) -> bytes:
    """ACLs and extended attributes; of the latter's values only a digest."""
    try:
        keys = os.listxattr(name, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_ATTRIBUTES:
            return b""
        raise
    found = []
    for key in sorted(keys):
        if key in _ACLS:
            value = acl(os.getxattr(name, key, follow_symlinks=False))
        elif key.startswith(_COPIED) and key not in _NOT_COPIED:
            raw = os.getxattr(name, key, follow_symlinks=False)
            value = hashlib.sha256(raw).hexdigest()[:16].encode()
        else:
            continue
        found.append(b"%s=%s" % (escaped(os.fsencode(key)), value))
    return b" ".join(found)


def blocks(name: bytes) -> Iterator[bytes]:
    """A file's content; neither a link nor a pipe put in its place is followed."""
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        while True:
            block = os.read(handle, _BLOCK)
            if not block:
                return
            yield block
    finally:
        os.close(handle)


def digest(name: bytes) -> bytes:
    """The SHA-256 of a file's content, shortened."""
    found = hashlib.sha256()
    for block in blocks(name):
        found.update(block)
    return found.hexdigest()[:32].encode()


def message(name: bytes) -> bytes:
    """The SHA-1 of what a compressed file holds, or why that can't be told."""
    zstd = compression()
    found, decoder = hashlib.sha1(), None
    try:
        for block in blocks(name):
            while block:
                if decoder is None or decoder.eof:
                    decoder = zstd.ZstdDecompressor()
                # A little at a time: what is small on disk may be huge.
                found.update(decoder.decompress(block, _BLOCK))
                while not (decoder.eof or decoder.needs_input):
                    found.update(decoder.decompress(b"", _BLOCK))
                block = decoder.unused_data
    except zstd.ZstdError:
        return b"no zstd, or damaged"
    if decoder is None or not decoder.eof:
        return b"cut off"
    return found.hexdigest().encode()


@functools.lru_cache(maxsize=1)
def compression() -> Any:
    """Python's own module, or its backport: a search that would take longer than most bodies."""
    try:
        from compression import zstd
    except ImportError:
        from backports import zstd
    return zstd


def entry(name: bytes, contents: str) -> Tuple[bytes, bool]:
    """One entry of the current folder, and whether it has further names."""
    known = os.lstat(name or b".")
    kind = _KINDS[stat.S_IFMT(known.st_mode)]
    size = value = sparse = link = b""
    if kind == b"f":
        size = b"%d" % known.st_size
        # A copy that has fewer holes needs more room; one that has more of them doesn't matter.
        if known.st_size >= _SPARSE_FROM and known.st_blocks * 1024 < known.st_size:
            sparse = b"sparse"
        if contents:
            value = message(name) if contents == "name" else digest(name)
    elif kind == b"l":
        value = escaped(os.readlink(name))
    elif kind in (b"c", b"b"):
        value = b"%d:%d" % (os.major(known.st_rdev), os.minor(known.st_rdev))
    if kind != b"d" and known.st_nlink > 1:
        link = b"%d:%d:%d" % (known.st_dev, known.st_ino, known.st_nlink)
    fields = (
        escaped(name),
        kind,
        b"" if kind == b"l" else b"%o" % stat.S_IMODE(known.st_mode),
        user(known.st_uid),
        group(known.st_gid),
        size,
        b"%d" % known.st_mtime_ns,
        sparse,
        link,
        value,
        attributes(name or b"."),
    )
    return b"\0".join(fields), bool(link)


def reason(error: OSError) -> str:
    """Why something that was there couldn't be read."""
    said = "vanished meanwhile" if error.errno == errno.ENOENT else error.strerror or str(error)
    return said.replace("\n", " ")


def unread(name: bytes, error: OSError) -> bytes:
    """The line of an entry that couldn't be read."""
    return b"%s\0!\0%s" % (escaped(name), os.fsencode(reason(error)))


def described(folder: bytes, names: List[bytes], contents: str, may_lack: bool) -> Answer:
    """What there is to say of these entries of a folder."""
    lines: List[bytes] = []
    linked = False
    try:
        # Into the folder, so that no path is too long and no link leads elsewhere meanwhile.
        os.chdir(folder)
    except OSError as error:
        absent = may_lack and error.errno in (errno.ENOENT, errno.ENOTDIR)
        return [escaped(n) + b"\0-" if absent else unread(n, error) for n in names], False
    for name in names:
        try:
            line, several = entry(name, contents)
            linked = linked or several
        except OSError as error:
            absent = may_lack and error.errno == errno.ENOENT
            line = escaped(name) + b"\0-" if absent else unread(name, error)
        lines.append(line)
    return lines, linked


def work(pipe: Any) -> None:
    """Describe what is asked for, until nobody asks any more."""
    while True:
        try:
            asked = pipe.recv()
        except EOFError:
            return
        pipe.send(described(*asked))


class Workers:
    """Processes that describe side by side; answers come in the order of the questions."""

    def __init__(self, count: int) -> None:
        self._pipes: List[Any] = []
        for _ in range(count):
            ours, theirs = Pipe()
            if os.fork() == 0:
                # Or a worker would hold its sisters' ends open, and none would ever see the end.
                for pipe in [ours, *self._pipes]:
                    pipe.close()
                try:
                    work(theirs)
                finally:
                    # Even after a mistake: this process must not go on as if it were the first.
                    os._exit(0)
            theirs.close()
            self._pipes.append(ours)

    def answers(self, questions: Iterable[Question]) -> Iterator[Tuple[Tag, Answer]]:
        """Each question's tag with its answer; a worker is asked again once it was heard."""
        waiting: List[Tuple[Tag, Any]] = []
        for number, (tag, asked) in enumerate(questions):
            if len(waiting) == len(self._pipes):
                former, pipe = waiting.pop(0)
                yield former, pipe.recv()
            pipe = self._pipes[number % len(self._pipes)]
            pipe.send(asked)
            waiting.append((tag, pipe))
        for tag, pipe in waiting:
            yield tag, pipe.recv()


def excluded(path: bytes, patterns: List[str]) -> bool:
    """Whether one of the patterns names this path within its tree."""
    return any(fnmatch.fnmatchcase("/" + os.fsdecode(path), pattern) for pattern in patterns)


def listed(top: bytes, folder: bytes, patterns: List[str]) -> Tuple[List[bytes], List[bytes]]:
    """The names in a folder, sorted, and those of them that are folders."""
    names, folders = [], []
    with os.scandir(os.path.join(top, folder)) as found:
        for each in found:
            path = os.path.join(folder, each.name)
            if patterns and excluded(path, patterns):
                continue
            names.append(each.name)
            if each.is_dir(follow_symlinks=False):
                folders.append(path)
    return sorted(names), sorted(folders)


def walked(tree: Dict[str, Any]) -> Iterator[Tuple[bytes, List[bytes], str]]:
    """The questions for a whole tree: folder and names, parents first."""
    top = os.fsencode(tree["path"])
    pending = [b""]
    while pending:
        folder = pending.pop()
        try:
            names, folders = listed(top, folder, tree["exclude"])
        except OSError as error:
            yield folder, [], reason(error) if folder else str(error.strerror)
            continue
        if not folder:
            names.insert(0, b"")
        pending.extend(reversed(folders))
        for first in range(0, len(names), CHUNK):
            yield folder, names[first : first + CHUNK], ""


def chosen(tree: Dict[str, Any]) -> Iterator[Tuple[bytes, List[bytes], str]]:
    """The questions for the given paths alone."""
    paths = sorted(tuple(os.fsencode(path).split(b"/")) for path in tree["only"])
    paths.sort(key=lambda path: (path[:-1], path[-1]))
    for path in paths:
        yield b"/".join(path[:-1]), [path[-1]], ""


def questions(trees: List[Dict[str, Any]]) -> Iterator[Question]:
    """What the workers are asked, each with the tree and the folder that it is about."""
    for number, tree in enumerate(trees):
        top, only = os.fsencode(tree["path"]), tree["only"] is not None
        for folder, names, problem in chosen(tree) if only else walked(tree):
            yield (
                (number, folder, problem),
                (
                    os.path.join(top, folder),
                    names,
                    tree["contents"],
                    only,
                ),
            )


class Links:
    """Which names belong to one file: told by the first of them."""

    def __init__(self) -> None:
        self._first: Dict[bytes, Tuple[bytes, List[int]]] = {}

    def resolved(self, folder: bytes, line: bytes) -> bytes:
        """The line with the file's first path in place of its numbers."""
        fields = line.split(b"\0")
        if len(fields) < 9 or not fields[8]:
            return line
        key = fields[8]
        path = os.path.join(folder, fields[0])
        first, left = self._first.setdefault(key, (path, [int(key.split(b":")[2])]))
        left[0] -= 1
        if left[0] == 0:
            del self._first[key]
        fields[8] = b"" if first == path else first
        return b"\0".join(fields)


def listing(trees: List[Dict[str, Any]], workers: Workers) -> Iterator[bytes]:
    """The lines of all trees."""
    tree, place, links = -1, b"", Links()
    for (number, folder, problem), (lines, linked) in workers.answers(questions(trees)):
        if number != tree:
            tree, place, links = number, b"/", Links()
            yield b"=%d" % number
        if folder != place:
            place = folder
            yield b"/" + escaped(folder)
        if problem:
            yield b" \0!\0" + os.fsencode(problem)
        shown = escaped(folder)
        for line in lines:
            yield b" " + (links.resolved(shown, line) if linked else line)


def main() -> None:
    """List what standard input asks for."""
    wanted = json.loads(sys.stdin.buffer.read().decode())
    workers = Workers(min(8, os.cpu_count() or 1))
    out = sys.stdout.buffer
    for line in listing(wanted["trees"], workers):
        out.write(line + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
