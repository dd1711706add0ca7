"""Programs for either machine: one file each, standard library only, Python 3.6 and up."""

from __future__ import annotations

from pathlib import Path


def program(name: str) -> bytes:
    """The text of one of them: it is sent along, and nothing is installed."""
    return (Path(__file__).parent / f"{name}.py").read_bytes()
