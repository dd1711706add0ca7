"""A machine's disk: an ext4 file system in a sparse image file, mounted through a loop device.

A file system of its own gives each machine its own change notifications, a full disk that is
really full, and a power cut that really loses what was not yet written.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lab.shell import LabError, run, wait_until

SIZE = "24G"
# _IOR('X', 125, __u32) of linux/fs.h and EXT4_GOING_FLAGS_NOLOGFLUSH.
SHUTDOWN = 0x8004587D
WITHOUT_JOURNAL = 2


def create(image: Path) -> None:
    run(["truncate", "-s", SIZE, str(image)])
    run(["mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1", str(image)])


def copy(image: Path, to: Path) -> None:
    """Copies under a temporary name, so that a broken copy never looks whole."""
    partial = to.with_name(to.name + ".partial")
    run(["cp", "--reflink=auto", "--sparse=auto", str(image), str(partial)])
    partial.rename(to)


def mount(image: Path, where: Path) -> None:
    where.mkdir(parents=True, exist_ok=True)
    run(["mount", "-o", "loop,noatime,discard,noinit_itable", str(image), str(where)])


def mounted_at(where: Path) -> bool:
    """Asks the kernel's table: a look at the folder itself fails once its power was cut."""
    table = Path("/proc/self/mountinfo").read_text().splitlines()
    return str(where) in {line.split()[4].replace("\\040", " ") for line in table}


def unmount(where: Path) -> None:
    """Waits for the last user to let go: a killed container's kernel side ends a moment later."""
    if mounted_at(where):
        wait_until(lambda: _try_unmount(where), f"{where} to be free", 30)


def _try_unmount(where: Path) -> bool:
    return run(["umount", str(where)], check=False).returncode == 0


@contextlib.contextmanager
def opened(image: Path) -> Iterator[Path]:
    """The image mounted for a while, to be written to from outside."""
    with tempfile.TemporaryDirectory(prefix="transhume-lab-") as folder:
        where = Path(folder) / "root"
        mount(image, where)
        try:
            yield where
        finally:
            unmount(where)


def trim(where: Path) -> None:
    """Gives the blocks of deleted files back, which keeps the cached image small."""
    run(["fstrim", str(where)], check=False)


def cut_power(where: Path) -> None:
    """From here on nothing reaches the disk any more: neither cached data nor the journal."""
    descriptor = os.open(where, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_JOURNAL))
    except OSError as error:
        raise LabError(f"{where}: the power can't be cut: {error.strerror}") from error
    finally:
        os.close(descriptor)
