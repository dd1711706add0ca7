"""Settings in an ini file as they stand there: nothing is quoted, continued or filled in."""

from __future__ import annotations

_BLANK = " \t\r\f\v"
"""What is no part of a value at its ends; libpq takes the same away in its service file."""


def section(content: bytes | None, name: str) -> dict[str, str]:
    """Keys and values of a section, the last value of each; empty when there is none.

    Bytes that are no UTF-8 survive as surrogates: a password may be in any encoding.
    """
    found: dict[str, str] = {}
    inside = False
    for raw in (content or b"").decode(errors="surrogateescape").split("\n"):
        line = raw.strip(_BLANK)
        if line.startswith("["):
            inside = line == f"[{name}]"
        elif inside and "=" in line and line[0] not in "#;":
            key, _, value = line.partition("=")
            found[key.strip(_BLANK)] = value.strip(_BLANK)
    return found


def reading(path: str, name: str, key: str) -> str:
    """A shell command that prints the same value where no process but the shell may see it."""
    blank = r"[ \t\r\f\v]*"
    begin, end = rf"/^{blank}\[{name}\]{blank}$/", rf"/^{blank}\[/"
    value = rf"s/^{blank}{key}{blank}={blank}//p"
    # Bytewise, so that a value of any encoding is read whole.
    return f"export LC_ALL=C; sed -n '{begin},{end}{value}' {path} | tail -n 1 | sed 's/{blank}$//'"
