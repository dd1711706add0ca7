"""Brings Debian's packages of programs to machines that have no way out."""

from __future__ import annotations

from lab import places
from lab.machine import Machine
from lab.shell import run

_SHELF = places.CHECKOUT / "build" / "bench" / "debs"


def install(machine: Machine, package: str) -> None:
    """Fetch the package as this machine's Debian has it, unless it was fetched, and unpack it."""
    _SHELF.mkdir(parents=True, exist_ok=True)
    if not list(_SHELF.glob(f"{package}_*.deb")):
        run(["apt-get", "download", package], cwd=_SHELF)
    for deb in _SHELF.glob(f"{package}_*.deb"):
        (machine.root / "root" / deb.name).write_bytes(deb.read_bytes())
        machine.exec(("dpkg", "--install", "--force-depends", f"/root/{deb.name}"))
