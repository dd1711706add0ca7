"""Programs for either machine: one file each, standard library only, Python 3.6 and up."""

from __future__ import annotations

from pathlib import Path

BOOT = (
    "import sys; text = sys.stdin.buffer.read(int(sys.argv.pop(1))); "
    "exec(compile(text, 'agent', 'exec'), {'__name__': '__main__'})"
)
"""For `python3 -I -c`, with the length of a program's text as its first argument.

The text comes first on standard input, which is then the program's own: it is in no argument.
Without -I Python would look for its modules in the folder in which root happens to stand.
"""


def program(name: str) -> bytes:
    """The text of one of them: it is sent along, and nothing is installed."""
    return (Path(__file__).parent / f"{name}.py").read_bytes()
