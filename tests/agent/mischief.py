"""Random work on a tree, as people and services do it, from a seed."""

from __future__ import annotations

import os
import random
import shutil
from contextlib import suppress
from pathlib import Path

_NAMES = (b"a", b"b", b"c", b" lead", b"-dash", b"new\nline", b"lat\xe9", b"#x", b"q'\"\\", b"[*?")


class Mischief:
    """One thing after the other, each on a path that exists, where that makes sense."""

    def __init__(self, top: Path, seed: int) -> None:
        self._top = os.fsencode(top)
        self._random = random.Random(seed)

    def work(self, count: int) -> None:
        """So many acts; what is impossible at that moment (a folder into itself) is left out."""
        acts = (
            *(self._write,) * 5,
            *(self._append, self._rename) * 2,
            *(self._link, self._unlink, self._mkdir, self._chmod, self._symlink),
            *(self._rename_folder, self._remove_folder, self._attribute, self._truncate),
        )
        for _ in range(count):
            with suppress(OSError, shutil.Error):
                self._random.choice(acts)()

    def _folders(self) -> list[bytes]:
        return [folder for folder, _, _ in os.walk(self._top)]

    def _files(self) -> list[bytes]:
        walked = os.walk(self._top)
        return [os.path.join(folder, name) for folder, _, names in walked for name in names]

    def _new(self) -> bytes:
        name = self._random.choice(_NAMES) + str(self._random.randrange(8)).encode()
        return os.path.join(self._random.choice(self._folders()), name)

    def _old(self) -> bytes:
        return self._random.choice(self._files() or [self._top + b"/none"])

    def _write(self) -> None:
        with open(self._new(), "wb") as file:
            file.write(self._random.randbytes(self._random.randrange(3000)))

    def _append(self) -> None:
        with open(self._old(), "ab") as file:
            file.write(b"more")

    def _truncate(self) -> None:
        os.truncate(self._old(), 1)

    def _rename(self) -> None:
        os.rename(self._old(), self._new())

    def _link(self) -> None:
        os.link(self._old(), self._new(), follow_symlinks=False)

    def _unlink(self) -> None:
        os.unlink(self._old())

    def _symlink(self) -> None:
        os.symlink(b"../a1", self._new())

    def _mkdir(self) -> None:
        os.mkdir(self._new())

    def _chmod(self) -> None:
        # A symbolic link would lead the change out of what is looked at.
        path = self._random.choice([*self._folders(), self._old()])
        if not os.path.islink(path):
            os.chmod(path, self._random.choice((0o600, 0o644, 0o750)))

    def _attribute(self) -> None:
        os.setxattr(self._old(), b"user.mark", b"%d" % self._random.randrange(9))

    def _rename_folder(self) -> None:
        os.rename(self._random.choice(self._folders()[1:] or [b""]), self._new())

    def _remove_folder(self) -> None:
        shutil.rmtree(self._random.choice(self._folders()[1:] or [b""]))


def links(top: Path) -> set[frozenset[bytes]]:
    """Which names are one file."""
    groups: dict[int, set[bytes]] = {}
    for folder, _, names in os.walk(os.fsencode(top)):
        for name in names:
            path = os.path.join(folder, name)
            groups.setdefault(os.lstat(path).st_ino, set()).add(
                os.path.relpath(path, os.fsencode(top))
            )
    return {frozenset(names) for names in groups.values() if len(names) > 1}
