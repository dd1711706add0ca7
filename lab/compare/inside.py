"""Runs inside a machine, fed to its Python: describes trees and checks bodies, one JSON a line."""

from __future__ import annotations

import ctypes
import grp
import hashlib
import json
import os
import pwd
import stat
import struct
import sys
from collections.abc import Iterator
from typing import Any

_ACLS = {"system.posix_acl_access": "access", "system.posix_acl_default": "default"}
_NAMED_USER, _NAMED_GROUP = 2, 8
_TIERS = ("/var/spool/cyrus/data/by_hash", "/var/spool/bm-hsm/data/by_hash")


def user(number: int) -> str:
    """Names, not numbers: the same service has another number on another distribution."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"number {number}"


def group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return f"number {number}"


def acl(raw: bytes) -> list[str]:
    """Decode the kernel's form of an ACL, with names."""
    entries = []
    for place in range(4, len(raw), 8):
        tag, rights, number = struct.unpack_from("<HHI", raw, place)
        who = {_NAMED_USER: user, _NAMED_GROUP: group}.get(tag)
        entries.append(f"{tag}:{who(number) if who else ''}:{rights}")
    return entries


def attributes(path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        raw = os.getxattr(path, name, follow_symlinks=False)
        found[name] = acl(raw) if name in _ACLS else raw.hex()
    return found


def digest(path: str) -> str:
    total = hashlib.sha256()
    with open(path, "rb") as file:  # noqa: PTH123
        for block in iter(lambda: file.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()


def entry(path: str) -> dict[str, Any]:
    info = os.lstat(path)
    found: dict[str, Any] = {
        "type": stat.filemode(info.st_mode)[0],
        "mode": stat.S_IMODE(info.st_mode),
        "owner": user(info.st_uid),
        "group": group(info.st_gid),
        # rsync and the file systems keep nanoseconds; some tools only microseconds.
        "mtime": info.st_mtime_ns // 1000,
        "attributes": attributes(path),
    }
    if stat.S_ISLNK(info.st_mode):
        found["content"] = os.readlink(path)  # noqa: PTH115
    elif stat.S_ISREG(info.st_mode):
        found.update(size=info.st_size, content=digest(path))
    if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode):
        found["inode"] = info.st_ino
    return found


def walk(top: str) -> Iterator[str]:
    if os.path.lexists(top):
        yield top
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            yield os.path.join(folder, name)  # noqa: PTH118


def manifest(tops: list[str]) -> Iterator[Any]:
    """Yield every path with its description; names of one inode are told by their first."""
    first: dict[int, str] = {}
    for top in tops:
        for path in sorted(walk(top)):
            try:
                found = entry(path)
            except FileNotFoundError:
                # The server goes on working: what vanished since it was listed isn't there.
                continue
            if "inode" in found:
                found["linked"] = first.setdefault(found.pop("inode"), path)
            yield [path, found]


def expand(data: bytes) -> bytes:
    """Undo zstd with the library that every Debian has."""
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
    library.ZSTD_decompress.restype = ctypes.c_size_t
    size = library.ZSTD_getFrameContentSize(data, ctypes.c_size_t(len(data)))
    if size > 1 << 32:
        raise ValueError("no zstd frame")
    room = ctypes.create_string_buffer(max(1, size))
    done = library.ZSTD_decompress(room, ctypes.c_size_t(size), data, ctypes.c_size_t(len(data)))
    if done != size:
        raise ValueError("cut off")
    return room.raw[:size]


def body(name: str) -> str | None:
    """Return what is wrong with the body of that name, or nothing."""
    paths = [f"{tier}/{name[0]}/{name[1]}/{name}.zst" for tier in _TIERS]
    present = [path for path in paths if os.path.exists(path)]  # noqa: PTH110
    if not present:
        return "missing"
    for path in present:
        try:
            with open(path, "rb") as file:  # noqa: PTH123
                data = expand(file.read())
        except ValueError as error:
            return f"{path}: {error}"
        if hashlib.sha1(data).hexdigest() != name:
            return f"{path}: its content has another digest"
    return None


def bodies(names: list[str]) -> Iterator[Any]:
    for name in names:
        wrong = body(name)
        if wrong:
            yield [name, wrong]


def main() -> None:
    order = json.loads(ORDER)
    work = {"manifest": manifest, "bodies": bodies}[order["work"]]
    for line in work(order["items"]):
        sys.stdout.write(json.dumps(line) + "\n")


# Whoever feeds this program in sets the order before it.
ORDER: str = globals().get("ORDER", "{}")
if __name__ == "__main__":
    main()
