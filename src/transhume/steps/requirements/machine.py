"""The machines themselves: clocks, time zones, load, memory."""

from __future__ import annotations

from collections.abc import Iterator

from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.errors import StepFailed
from transhume.steps.requirements.remedy import quoted

_APART_SECONDS = 10
_BUSY = 2.0
"""Waiting processes for each processor above which a machine is slow for its people already."""

_SOURCE_MEMORY = 256 << 20
_TARGET_MEMORY = 1 << 30
"""Bytes: an rsync with its list, pg_dump's processes; a restore with its indexes."""


def clocks(pair: Pair) -> Iterator[Finding]:
    """Two clocks that differ make times of files and certificates lie."""
    there, here = (int(host.read("date", "+%s")) for host in (pair.source, pair.target))
    if abs(there - here) > _APART_SECONDS:
        yield Finding(
            "clocks-differ",
            "warns",
            "both",
            f"the clocks are {abs(there - here)} s apart",
            "New mail would seem older than the copy.",
            "timedatectl set-ntp true",
        )


def time_zone(pair: Pair) -> Iterator[Finding]:
    """Logs, nightly jobs and what the server writes without a zone follow the machine's zone."""
    there, here = (_zone(host) for host in (pair.source, pair.target))
    if there != here:
        yield Finding(
            "time-zone-differs",
            "warns",
            "target",
            f"its time zone is {here}, the source's is {there}",
            "Nightly jobs would run at another hour, and times without a zone would mean another.",
            f"timedatectl set-timezone {quoted(there)}",
        )


def _zone(host: Host) -> str:
    """The machine's zone by name; UTC where none is set (localtime(5))."""
    reached = host.ask("readlink", "/etc/localtime").text.strip()
    name = reached.partition("zoneinfo/")[2] or (host.file("/etc/timezone") or b"").decode().strip()
    # What tzdata calls so many ways is one and the same.
    return "UTC" if name in ("", "Etc/UTC", "UCT", "Etc/UCT", "Zulu", "Universal") else name


def load(pair: Pair) -> Iterator[Finding]:
    """A source that is busy serves worse while it is copied."""
    waiting = float((pair.source.file("/proc/loadavg") or b"").split()[0])
    processors = int(pair.source.read("nproc"))
    if waiting > _BUSY * processors:
        yield Finding(
            "source-busy",
            "warns",
            "source",
            f"its load is {waiting:g} on {processors} processors",
            "Reading every file and a dump come on top of what its people need.",
            "begin at a quieter hour; what makes the load: top",
        )


def memory(pair: Pair) -> Iterator[Finding]:
    """What the move starts must fit into memory beside what runs."""
    for host, needed in ((pair.source, _SOURCE_MEMORY), (pair.target, _TARGET_MEMORY)):
        told = _meminfo(host)
        if told["MemAvailable"] < needed:
            yield Finding(
                f"{host.place}-memory",
                "warns",
                host.place,
                f"{told['MemAvailable']:,} bytes of memory are free, {needed:,} should be",
                "The kernel would end a process to make room, perhaps PostgreSQL.",
                "stop what isn't needed there, or give it more: free -h",
            )
        if not told["SwapTotal"]:
            yield Finding(
                f"{host.place}-no-swap",
                "notes",
                host.place,
                f"it has no swap space; {told['MemAvailable']:,} bytes of memory are free",
                "What needs more memory than there is gets ended, not slow.",
                "fallocate -l 2G /swapfile && chmod 600 /swapfile && mkswap /swapfile && "
                "swapon /swapfile",
            )
        elif told["SwapFree"] < told["SwapTotal"] // 4:
            yield Finding(
                f"{host.place}-swap",
                "warns",
                host.place,
                f"{told['SwapFree']:,} of {told['SwapTotal']:,} bytes of swap space are free",
                "It is short of memory already: the copy would slow down everything.",
                "find what swaps: smem, or top, sorted by memory",
            )


def _meminfo(host: Host) -> dict[str, int]:
    """Sizes in bytes by name (proc_meminfo(5)); StepFailed when one that counts is missing."""
    told = {}
    for line in (host.file("/proc/meminfo") or b"").decode().splitlines():
        key, _, value = line.partition(":")
        told[key] = int(value.split()[0]) * 1024
    for key in ("MemAvailable", "SwapTotal", "SwapFree"):
        if key not in told:
            raise StepFailed(f"the {host.place} doesn't tell its {key} in /proc/meminfo")
    return told
