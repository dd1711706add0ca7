"""Try whether the kernel would tell what changes under some trees: a JSON line for each of them.

probe.py TREE... ; agent/tracker.py, which is to follow them, makes the same calls. Nothing is
altered: what is opened for it is closed again at the end.
"""

import ctypes
import json
import os
import sys
from typing import List, Tuple

# As the tracker has them: FAN_CLOEXEC, FAN_NONBLOCK, FAN_REPORT_FID; with _DIR_FID and _NAME first.
WAYS = (("names", 0x3 | 0x200 | 0x400 | 0x800), ("folders", 0x3 | 0x200))
MASK = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x40000000
ADD_FILESYSTEM = 0x1 | 0x100
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "gfs2", "ocfs2", "fuse")

libc = ctypes.CDLL(None, use_errno=True)


def refusal(name: str) -> str:
    """Why the last call failed."""
    return "%s: %s" % (name, os.strerror(ctypes.get_errno()))


def opened() -> Tuple[str, int, str]:
    """The best way that is offered here, its descriptor, and why it isn't a better one."""
    refused = ""
    for way, flags in WAYS:
        descriptor = libc.fanotify_init(flags, os.O_RDONLY | os.O_CLOEXEC)
        if descriptor >= 0:
            return way, descriptor, refused
        refused = refused or refusal("fanotify_init")
    return "scan", -1, refused


def kind(path: bytes) -> str:
    """The kind of file system that a folder is in; proc(5), mountinfo."""
    found = (b"", "")
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            words = line.split()
            top = words[4]
            for code in (b"\\040", b"\\011", b"\\012", b"\\134"):
                top = top.replace(code, bytes([int(code[1:], 8)]))
            inside = (path + b"/").startswith(top.rstrip(b"/") + b"/")
            if inside and len(top) >= len(found[0]):
                found = top, words[words.index(b"-") + 1].decode()
    return found[1]


def followed(path: bytes, way: str, descriptor: int, refused: str) -> Tuple[str, str]:
    """In which way a tree would be followed, and why in no better one."""
    if descriptor < 0:
        return "scan", refused
    real = os.path.realpath(path)
    known = kind(real)
    if known.split(".")[0] in REMOTE:
        return "scan", "%s is of other machines, too" % known
    mask = ctypes.c_uint64(MASK)
    if libc.fanotify_mark(descriptor, ADD_FILESYSTEM, mask, -100, real) < 0:
        return "scan", refusal("fanotify_mark")
    return way, refused


def main(paths: List[bytes]) -> None:
    """Try it for each of these that is a folder."""
    way, descriptor, refused = opened()
    for path in filter(os.path.isdir, paths):
        found, why = followed(path, way, descriptor, refused)
        print(json.dumps({"tree": os.fsdecode(path), "way": found, "refused": why}))


if __name__ == "__main__":
    main([os.fsencode(word) for word in sys.argv[1:]])
