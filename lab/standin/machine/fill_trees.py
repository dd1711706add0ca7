"""Generates the other folders: indexes, documents, detached files, and names that break scripts."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

from .words import WORDS

INDEXES = Path("/var/spool/bm-elasticsearch")
DOCUMENTS = Path("/var/spool/bm-docs")
DETACHED = Path("/var/spool/bm-filehosting")
LIVE = Path("/var/spool/cyrus")
ARCHIVE = Path("/var/spool/bm-hsm")

# As bytes: not all of them are text in any encoding.
ODD_NAMES = (
    b"with space",
    b"two\nlines",
    b"tab\tbed",
    b'it\'s "quoted"',
    b"back\\slash",
    b"-rf",
    b"--delete",
    b"*",
    b"[a-z]?",
    b"$(touch pwned)",
    b"`id`",
    b"; true",
    b"a:b",
    b"host:path",
    b".hidden",
    b"...",
    b"~root",
    b"# not a comment",
    b"caf\xc3\xa9",
    b"cafe\xcc\x81",
    b"latin1-\xe9t\xe9",
    b"\xff\xfe",
    b"trailing ",
    b" leading",
    b"x" * 255,
    b"carriage\rreturn",
    b"%s%n",
    b"\x01control",
)


def write(path: Path | bytes, data: bytes) -> None:
    target = os.fsencode(path)
    os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
    with open(target, "wb") as file:  # noqa: PTH123
        file.write(data)


def indexes(rng: random.Random, total: int) -> int:
    """Write index-like files of about `total` bytes, owned by their service."""
    share = max(1, total // 40)
    for number in range(40):
        folder = INDEXES / f"data/nodes/0/indices/{number % 5:020x}/{number % 3}/index"
        write(folder / f"_{number}.cfs", rng.randbytes(share))
        write(folder / "segments_2", rng.randbytes(200))
    write(INDEXES / "repo/index.latest", b"1\n")
    _give(INDEXES, "elasticsearch", "elasticsearch")
    return 40 * share


def documents(rng: random.Random, count: int) -> None:
    for number in range(count):
        path = DOCUMENTS / f"{number % 16:x}/{WORDS[number % 20]}-{number}.jpg"
        write(path, rng.randbytes(rng.randint(100, 20_000)))
    first = DOCUMENTS / "links/original"
    write(first, b"shared by two names\n")
    for name in ("second name", "third"):
        os.link(first, first.with_name(name))
    (first.parent / "relative").symlink_to("original")
    (first.parent / "dangling").symlink_to("nowhere")
    (first.parent / "absolute").symlink_to("/etc/hostname")


def detached(rng: random.Random, count: int) -> None:
    for number in range(count):
        write(DETACHED / f"example.org/user{number}/{number}.bin", rng.randbytes(5_000))
    sparse = DETACHED / "example.org/sparse.img"
    with sparse.open("wb") as file:
        file.truncate(64 << 20)
        file.seek(32 << 20)
        file.write(b"middle")
    (DETACHED / "empty folder").mkdir(exist_ok=True)
    write(DETACHED / "empty file", b"")
    write(DETACHED / "private/key", b"secret\n")
    (DETACHED / "private").chmod(0o700)
    (DETACHED / "private/key").chmod(0o400)
    os.setxattr(DETACHED / "private/key", "user.origin", b"https://outside.example/\x00\xff")
    # Kept as a number on disk, so a copy by number alone would name another user.
    acl = ["setfacl", "-m", "u:cyrus:r-x,g:bluemind:r-x", str(DETACHED / "private")]
    subprocess.run(acl, check=True)
    fifo = DETACHED / "example.org/pipe"
    if not fifo.exists():
        os.mkfifo(fifo)


def odd(top: Path) -> int:
    """Write a file, and beside it a folder with a file, for each odd name."""
    base = os.fsencode(top / "odd")
    for name in ODD_NAMES:
        write(base + b"/" + name, b"content of " + name)
        write(base + b"/folders/" + name + b"/" + name, b"inside " + name)
    return 2 * len(ODD_NAMES)


def old_layout(rng: random.Random) -> None:
    """Write mail as the releases before 5 stored it; the present one still reads it."""
    for top in (LIVE / "data", ARCHIVE / "cyrus-archives"):
        box = top / "main__example_org/domain/e/example.org/u/user/old^user"
        for number in range(1, 40):
            write(box / f"{number}.", b"Subject: old\r\n\r\n" + rng.randbytes(900))
    meta = LIVE / "meta/main__example_org/domain/e/example.org/u/user/old^user"
    for name in ("cyrus.header", "cyrus.index", "cyrus.cache"):
        write(meta / name, rng.randbytes(500))
    for top in (LIVE / "data/main__example_org", LIVE / "meta", ARCHIVE / "cyrus-archives"):
        _give(top, "cyrus", "mail")


def _give(top: Path, user: str, group: str) -> None:
    shutil.chown(top, user, group)
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            shutil.chown(os.path.join(folder, name), user, group)  # noqa: PTH118


def run(seed: int, index_bytes: int, files: int, odd_names: bool) -> dict[str, int]:
    rng = random.Random(seed)
    indexed = indexes(rng, index_bytes)
    documents(rng, files)
    detached(rng, files)
    old_layout(rng)
    return {
        "index_bytes": indexed,
        "files": files * 2,
        "odd_names": odd(DETACHED) if odd_names else 0,
    }
