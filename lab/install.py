"""Installs the tool on a target's disk as its users get it: wheels in a virtual environment."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lab import places
from lab.shell import LabError, run

# Debian 11's Python 3.9 is older than the tool supports, so such a target goes without.
PYTHON = {"bookworm": "3.11", "trixie": "3.13"}
HOME = "opt/transhume"
COMMAND = "usr/local/bin/transhume"

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
LOCK = places.CHECKOUT / "requirements.lock"
PROJECT = places.CHECKOUT / "pyproject.toml"
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+).*(?:\n +\S.*)*", re.MULTILINE)


def parts(release: str) -> list[str]:
    """What the layer of dependencies depends on."""
    declared = re.search(r"^dependencies = \[.*?^\]", PROJECT.read_text(), re.DOTALL | re.MULTILINE)
    return [PYTHON.get(release, ""), declared.group() if declared else "", LOCK.read_text()]


def dependencies(root: Path, release: str) -> None:
    """Makes the environment with all that the tool imports, but not yet the tool."""
    if release not in PYTHON:
        return
    run(["chroot", str(root), "python3", "-m", "venv", f"/{HOME}"])
    with _shelf(root) as shelf:
        download(shelf, PYTHON[release])
        names = {normal(wheel.name.split("-")[0]) for wheel in shelf.glob("*.whl")}
        (shelf / "lock.txt").write_text(pins(LOCK.read_text(), names))
        inside = f"/{shelf.relative_to(root)}"
        _pip(root, f"--find-links={inside}", "--require-hashes", f"-r{inside}/lock.txt")


def tool(root: Path, release: str) -> None:
    """Installs, or replaces, the tool itself; root may be the disk of a running machine."""
    if release not in PYTHON:
        return
    with _shelf(root) as shelf:
        with tempfile.TemporaryDirectory() as aside:
            wheel = Path(shutil.copy(build(Path(aside)), shelf))
        _pip(root, "--no-deps", "--force-reinstall", f"/{wheel.relative_to(root)}")
    command = root / COMMAND
    command.unlink(missing_ok=True)
    command.symlink_to(f"/{HOME}/bin/transhume")


def build(folder: Path) -> Path:
    """The checkout's wheel, made in the folder."""
    run([*PIP, "wheel", "--no-deps", f"--wheel-dir={folder}", str(places.CHECKOUT)])
    return next(folder.glob("transhume-*.whl"))


def download(folder: Path, python: str) -> None:
    """Fetches the wheels that the tool needs on that Python, in the versions of the lock."""
    with tempfile.TemporaryDirectory() as aside:
        wheel = build(Path(aside))
        constraints = Path(aside) / "constraints.txt"
        constraints.write_text(versions(LOCK.read_text()))
        run(
            [
                *PIP,
                "download",
                "--only-binary=:all:",
                f"--python-version={python}",
                f"--constraint={constraints}",
                f"--dest={folder}",
                str(wheel),
            ]
        )
        (folder / wheel.name).unlink()


def versions(lock: str) -> str:
    """The lock without its hashes and conditions, which pip's constraints may not have.

    Where the lock has two versions of one package for different Pythons, neither constrains here:
    the hashes do when it is installed.
    """
    found: dict[str, set[str]] = {}
    for pin in PIN.finditer(lock):
        found.setdefault(pin["name"], set()).add(pin["version"])
    return "".join(f"{name}=={min(each)}\n" for name, each in found.items() if len(each) == 1)


def pins(lock: str, names: set[str]) -> str:
    """The part of the lock about these packages, hashes included."""
    chosen = [pin for pin in PIN.finditer(lock) if normal(pin["name"]) in names]
    missing = names - {normal(pin["name"]) for pin in chosen}
    if missing:
        raise LabError(f"requirements.lock lacks {', '.join(sorted(missing))}: lock anew")
    return "".join(pin.group() + "\n" for pin in chosen)


def normal(name: str) -> str:
    """A package's name as compared by pip."""
    return re.sub(r"[-_.]+", "-", name).lower()


@contextlib.contextmanager
def _shelf(root: Path) -> Iterator[Path]:
    """A folder on the machine's disk, outside /tmp, over which a running machine mounts its own."""
    with tempfile.TemporaryDirectory(prefix="lab-wheels-", dir=root / "opt") as folder:
        yield Path(folder)


def _pip(root: Path, *arguments: str) -> None:
    pip = [f"/{HOME}/bin/pip", "--disable-pip-version-check", "--quiet", "install", "--no-index"]
    run(["chroot", str(root), *pip, *arguments])
