"""A stand-in for BlueMind, which has no public packages: it keeps real mail and real databases."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from lab.standin import debs

VERSION = "5.0.12"
__all__ = ["VERSION", "install"]


def install(
    root: Path, release: str, *, version: str = VERSION, plugins: tuple[str, ...] = debs.PLUGINS
) -> None:
    """Install the stand-in's packages into the root of a distribution that isn't running.

    The set-up itself happens later, inside the booted machine: `/usr/lib/bm-standin/setup-wizard`.
    """
    with tempfile.TemporaryDirectory(dir=root / "var/tmp") as name:
        folder = Path(name)
        built = [
            debs.build(package, f"{version}-{release}", folder)
            for package in debs.packages(release, version, plugins)
        ]
        inside = [f"/{deb.relative_to(root)}" for deb in built]
        # First the package that brings the users: the others' files may belong to them.
        inside.sort(key=lambda path: "bm-standin.deb" not in path)
        done = subprocess.run(
            ["chroot", str(root), "dpkg", "--install", *inside],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"the stand-in could not be installed: {done.stderr.strip()}")
