"""What root acts upon must be root's own: who else may write a file, or a folder above it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def open_to_others(path: Path) -> Path | None:
    """The path or the folder above it that somebody else may write; None when nobody may.

    In a folder with the sticky bit, such as /tmp, others can't replace what isn't theirs.
    """
    whole = path.resolve()
    for each in (whole, *whole.parents):
        try:
            status = each.stat()
        except FileNotFoundError:
            continue
        sticky = each != whole and status.st_mode & stat.S_ISVTX
        if status.st_uid not in (0, os.geteuid()) or (status.st_mode & _OTHERS and not sticky):
            return each
    return None
