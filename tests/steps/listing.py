"""What the listing agent prints of a machine in memory: its files, as they are at that moment."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase

from tests.fakes import FakeHost


def lists(host: FakeHost) -> None:
    """Let the machine list the files that it holds."""

    def lines(spec: bytes) -> Iterator[bytes]:
        for number, tree in enumerate(json.loads(spec)["trees"]):
            yield b"=%d" % number
            yield from _tree(host, tree["path"].rstrip("/"), tree["exclude"], tree["only"])

    host.printed["manifest"] = lines


def _tree(host: FakeHost, top: str, exclude: list[str], only: list[str] | None) -> Iterator[bytes]:
    inside = [path[len(top) + 1 :] for path in host.files if path.startswith(f"{top}/")]
    wanted = only if only is not None else [name for name in inside if not _left(name, exclude)]
    for name in sorted(wanted, key=posixpath.split):
        folder, base = posixpath.split(name)
        yield b"/" + folder.encode()
        content = host.files.get(f"{top}/{name}")
        if content is None:
            yield b" " + base.encode() + b"\0-"
        else:
            digest = hashlib.sha256(content).hexdigest().encode()
            fields = (base.encode(), b"f", b"644", b"root", b"root", b"1", b"1", b"", b"", digest)
            yield b" " + b"\0".join((*fields, b""))


def _left(name: str, exclude: list[str]) -> bool:
    return any(fnmatchcase(f"/{name}", pattern) for pattern in exclude)
