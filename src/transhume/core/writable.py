"""The border at which what the disk of this machine refuses becomes an error with a name."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from transhume.errors import StepFailed

KEPT = "what transhume keeps on the target"
_REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@contextmanager
def writable(what: str, state: str = "") -> Iterator[None]:
    """StepFailed where the disk has no room, or lets nobody write; `what` is what was written."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        where = f" ({error.filename})" if error.filename else ""
        raise unwritable(what, f"{error.strerror}{where}", state) from None


def unwritable(what: str, reason: object, state: str = "") -> StepFailed:
    """What is told of it, and what to do."""
    return StepFailed(
        f"{what} can't be written: {reason}",
        state=state,
        remedy="make room on its disk (df -h; df -i), then run the same command again",
    )
