"""Numbers, times and foreign text as a person reads them; nothing here prints."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_MACHINE_ID = re.compile(r"[0-9a-f]{32}")
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def visible(text: object, keep: str = "") -> str:
    """The text with everything written out that a screen would obey or hide.

    File names, mail addresses and what programs print come from strangers: an escape sequence
    could repaint the screen, a surrogate can't be encoded, a direction mark shows another name.
    """
    return "".join(
        char if char in keep or unicodedata.category(char) not in _HIDDEN else _escaped(char)
        for char in str(text)
    )


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        # A byte that was no UTF-8: shown as that byte.
        return f"\\x{code - 0xDC00:02x}"
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return named.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def line(text: object) -> str:
    """The same on one line, for rows and titles."""
    return visible(" ".join(str(text).split()))


def count(number: int) -> str:
    """A number with its thousands apart."""
    return f"{number:,}"


def several(number: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def size(number: float) -> str:
    """Bytes in decimal units, as disks are sold."""
    value, unit = _scaled(number)
    return f"{_short(value, unit)} {unit}"


def size_of(done: float, total: float) -> str:
    """Done and total in the total's unit: 1.1/1.4 TB."""
    value, unit = _scaled(total)
    factor = 1000 ** _UNITS.index(unit)
    return f"{_short(done / factor, unit)}/{_short(value, unit)} {unit}"


def _scaled(number: float) -> tuple[float, str]:
    value, step = float(number), 0
    # 999.5 and not 1000: it would be rounded to four digits.
    while abs(value) >= 999.5 and step < len(_UNITS) - 1:
        value /= 1000
        step += 1
    return value, _UNITS[step]


def _short(value: float, unit: str) -> str:
    return f"{value:.1f}" if unit != "B" and abs(value) < 99.95 else f"{value:.0f}"


def duration(seconds: float) -> str:
    """How long, to the precision that matters at that length."""
    if seconds < 99.95:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR:02d} h"


def about(seconds: float) -> str:
    """A forecast: whole seconds, then whole minutes, then hours and minutes."""
    whole = round(max(seconds, 0.0))
    if whole < 100:
        return f"{whole} s"
    return f"{round(whole / _MINUTE)} min" if whole < _HOUR else duration(whole)


def countdown(seconds: float) -> str:
    """Time left, as a clock: 0:48:12."""
    whole = round(max(seconds, 0.0))
    days, rest = divmod(whole, _DAY)
    clocked = f"{rest // _HOUR}:{rest % _HOUR // _MINUTE:02d}"
    return f"{days} d {clocked}" if days else f"{clocked}:{rest % _MINUTE:02d}"


def offset(seconds: float) -> str:
    """Time since a beginning, with its sign."""
    return f"+{seconds:4.1f} s" if seconds < 99.95 else f"+{countdown(seconds)}"


def clock(at: float) -> str:
    """The local time of day."""
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")


def moment(at: float) -> str:
    """The local date and time."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def zone(at: float) -> str:
    """The local time zone at that moment, with its distance from UTC."""
    local = datetime.fromtimestamp(at).astimezone()
    return f"{local.tzname()}, UTC{local.strftime('%z')}"


def percent(done: int, total: int) -> str:
    """Rounded down, so that 100 % is said only of the whole; nothing of an unknown total."""
    return f"{100 * done // total} %" if total > 0 else ""


def machine(name: str) -> str:
    """How people call a machine: without the login; a machine id says no more than "this one"."""
    host = line(name.rpartition("@")[2])
    return "this machine" if not host or _MACHINE_ID.fullmatch(host) else host


def ranges(numbers: Iterable[int]) -> str:
    """Numbers with neighbours joined, as a page's rows are cited."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(between(run[0], run[-1]) if len(run) > 1 else f"{run[0]}" for run in runs)


def between(low: object, high: object) -> str:
    """From low to high."""
    return f"{low}\N{EN DASH}{high}"


def shortened(name: str, width: int) -> str:
    """A name that fits, its end kept: the end is what tells paths apart."""
    return name if len(name) <= width else f"…{name[len(name) - width + 1 :]}"
