"""What a machine has spent since it was switched on."""

from __future__ import annotations

from lab.machine import Machine

_CPU = "awk '/^usage_usec/ { print $2 }' /sys/fs/cgroup/cpu.stat"


def processor(machine: Machine) -> float:
    """Seconds of processor, of all its programs together."""
    return int(machine.exec(("sh", "-c", _CPU)).stdout) / 1e6
