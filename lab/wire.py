"""A long wire: every frame between a machine and the others arrives later, in both directions.

The kernel's own means (netem) isn't everywhere. Two taps stand in for the two ends; frames pass as
the kernel has them, still in one piece of up to 64 KiB, so that a gigabit needs little of a core,
and TCP itself sees the distance.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import sys
import time
from collections import deque

from lab.places import SHORT, Role
from lab.shell import run

# linux/if_tun.h
_TUNSETIFF = 0x400454CA
_TUNSETOFFLOAD = 0x400454D0
_TAP, _WITHOUT_INFO, _WITH_HEADER = 0x0002, 0x1000, 0x4000
_CHECKSUMS, _LARGE_V4, _LARGE_V6 = 0x01, 0x02, 0x04
_MOST = 70_000
_QUEUE = 10_000


def bridge(role: Role) -> str:
    """The far end's own bridge; it stands between the machine's port and the wire."""
    return f"far-{SHORT[role]}"


def tap(name: str) -> int:
    """A tap of that name in this network namespace, which lives as long as its descriptor."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    kind = _TAP | _WITHOUT_INFO | _WITH_HEADER
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH14x", name.encode(), kind))
    fcntl.ioctl(descriptor, _TUNSETOFFLOAD, _CHECKSUMS | _LARGE_V4 | _LARGE_V6)
    return descriptor


def lay(role: Role) -> tuple[int, int]:
    """Puts the taps between the machine's port and the others' bridge."""
    near, far = f"near-{SHORT[role]}", f"tap-{SHORT[role]}"
    ends = tap(near), tap(far)
    commands = (
        f"link set {near} txqueuelen {_QUEUE} master br0 up",
        f"link set {far} txqueuelen {_QUEUE} up",
        f"link add {bridge(role)} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        f"link set {far} master {bridge(role)}",
        f"link set {bridge(role)} up",
        f"link set {SHORT[role]} master {bridge(role)}",
    )
    run(["ip", "-batch", "-"], stdin="\n".join(commands) + "\n")
    return ends


def carry(ends: tuple[int, int], seconds: float) -> None:
    """Hands each frame on so much later, until it is ended."""
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    coming: deque[tuple[float, int, bytes]] = deque()
    poll = select.poll()
    for end in ends:
        poll.register(end, select.POLLIN)
    while True:
        now = time.monotonic()
        while coming and coming[0][0] <= now:
            _, end, frame = coming.popleft()
            _put(end, frame)
        wait = (coming[0][0] - now) * 1000 if coming else None
        for end, _ in poll.poll(wait):
            due = time.monotonic() + seconds
            coming.extend((due, other[end], frame) for frame in _waiting(end))


def _waiting(end: int) -> list[bytes]:
    frames = []
    # A bounded number, so that what is due doesn't wait for a busy other direction.
    for _ in range(64):
        try:
            frames.append(os.read(end, _MOST))
        except BlockingIOError:
            break
    return frames


def _put(end: int, frame: bytes) -> None:
    try:
        os.write(end, frame)
    except OSError:
        return  # A wire loses a frame that can't be taken: a pulled cable, a full queue.


def main(role: Role, milliseconds: str) -> int:
    # A wire isn't slow because the machines are busy.
    os.nice(-10)
    carry(lay(role), float(milliseconds) / 1000)
    return 0


if __name__ == "__main__":
    sys.exit(main("source" if sys.argv[1] == "source" else "target", sys.argv[2]))
