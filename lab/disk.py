"""A machine's disk: an ext4 file system in a sparse image file, mounted through a loop device.

A file system of its own gives each machine its own change notifications, a full disk that is
really full, and a power cut that really loses what was not yet written.

A disk is only ever mounted in a mount namespace of its own. Else every container, and every
command in a network namespace, that starts meanwhile would hold a copy of the mount, and the file
system would live on behind our back; and so nothing stays mounted after a crash either.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from lab import places
from lab.shell import LabError, run, wait_until

SIZE = "24G"
# Nothing is written but what is needed, so that the image is quick to copy.
FORMAT = ["-m", "0", "-J", "size=64", "-E", "lazy_itable_init=1,lazy_journal_init=1"]
# Without discard: of a file system that is shut down, ext4 has been seen to give back at once what
# was deleted, before the deletion is on the disk. A file that is there again has lost its content.
OPTIONS = "loop,noatime,noinit_itable"
ASIDE = ["unshare", "--mount", "--propagation=private"]
# With whoever started it ends all that it started, down to the last apt.
ENDING_TOGETHER = ["--pid", "--fork", "--kill-child", "--mount-proc"]
# _IOR('X', 125, __u32) of linux/fs.h and EXT4_GOING_FLAGS_NOLOGFLUSH.
SHUTDOWN = 0x8004587D
WITHOUT_JOURNAL = 2


def create(image: Path) -> None:
    run(["truncate", "-s", SIZE, str(image)])
    run(["mkfs.ext4", "-q", "-F", *FORMAT, str(image)])


def copy(image: Path, to: Path) -> None:
    """Copies under a temporary name, so that a broken copy never looks whole."""
    partial = to.with_name(to.name + ".partial")
    run(["cp", "--reflink=auto", "--sparse=auto", str(image), str(partial)])
    partial.rename(to)


def work(image: Path, task: str, *arguments: str) -> None:
    """Runs a task of the workbench, and returns when the kernel has let go of the image."""
    argv = [*ASIDE, *ENDING_TOGETHER, "--", sys.executable, "-m", "lab.workbench", task, *arguments]
    done = run(argv, check=False, cwd=places.CHECKOUT)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise LabError(lines[-1] if lines else f"{task}: exit {done.returncode}")
    wait_released(image)


@contextlib.contextmanager
def opened(image: Path) -> Iterator[Path]:
    """The image mounted to be written to; only for a process in a mount namespace of its own."""
    where = image.with_suffix(".root")
    where.mkdir(exist_ok=True)
    run(["mount", "-o", OPTIONS, str(image), str(where)])
    try:
        yield where
    finally:
        run(["umount", str(where)])
        where.rmdir()


def trim(where: Path) -> None:
    """Gives the blocks of deleted files back, which keeps the cached image small."""
    # Blocks whose deletion isn't on the disk yet can't be given back.
    run(["sync", "--file-system", str(where)])
    run(["fstrim", str(where)])


def wait_released(image: Path) -> None:
    """The kernel ends a file system a moment after its last user."""
    wait_until(lambda: not in_use(image), f"{image} to be released", 60)


def in_use(image: Path) -> bool:
    for device in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            if device.read_text().removesuffix("\n") == str(image.resolve()):
                return True
    return False


def cut_power(where: Path) -> None:
    """From here on nothing reaches the disk any more: neither cached data nor the journal."""
    descriptor = os.open(where, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_JOURNAL))
    except OSError as error:
        raise LabError(f"{where}: the power can't be cut: {error.strerror}") from error
    finally:
        os.close(descriptor)
