"""What is taken from the lock file for an installation without network."""

from __future__ import annotations

import pytest

from lab import install
from lab.shell import LabError

LOCK = """\
anyio==4.16.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via httpx
annotated-doc==0.0.6 ; python_full_version < '3.11' \\
    --hash=sha256:cc
    # via typer
annotated-doc==0.0.7 ; python_full_version >= '3.11' \\
    --hash=sha256:dd
    # via typer
ruff==0.9.1 \\
    --hash=sha256:ee
    # via transhume (pyproject.toml:dev)
typing-extensions==4.16.0 \\
    --hash=sha256:ff
    # via
    #   anyio
    #   typer
"""


def test_constraints_have_neither_hashes_nor_conditions() -> None:
    assert install.versions(LOCK).splitlines() == [
        "anyio==4.16.0",
        "ruff==0.9.1",
        "typing-extensions==4.16.0",
    ]


def test_only_the_asked_for_packages_are_taken_over_with_their_hashes() -> None:
    taken = install.pins(LOCK, {"anyio", "annotated-doc"})

    assert [word for word in taken.split() if "sha256" in word] == [
        f"--hash=sha256:{each}" for each in ("aa", "bb", "cc", "dd")
    ]
    assert "ruff" not in taken


def test_the_last_package_of_the_lock_is_found_too() -> None:
    assert install.pins(LOCK, {"typing-extensions"}).startswith("typing-extensions==4.16.0")


def test_a_package_outside_the_lock_is_an_error() -> None:
    with pytest.raises(LabError, match="lacks rich"):
        install.pins(LOCK, {"anyio", "rich"})


@pytest.mark.parametrize("name", ["typing_extensions", "Typing.Extensions", "typing-extensions"])
def test_names_are_compared_as_pip_does(name: str) -> None:
    assert install.normal(name) == "typing-extensions"


def test_the_project_s_own_lock_is_read_whole() -> None:
    lock = install.LOCK.read_text()

    assert len(install.PIN.findall(lock)) == lock.count("==") - lock.count("'==") - _markers(lock)


def _markers(lock: str) -> int:
    """Equal signs in conditions, which pin nothing."""
    return sum(line.partition(";")[2].count("==") for line in lock.splitlines())
