"""Calls that are made at the same time, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

Made = TypeVar("Made")


def at_once(calls: Sequence[Callable[[], Made]]) -> list[Made]:
    """Make all these calls at the same time, wait for all; then the first error counts."""
    if len(calls) == 1:
        # In this thread: Ctrl-C is heard at once.
        return [calls[0]()]
    with ThreadPoolExecutor(max_workers=max(1, len(calls))) as pool:
        futures = [pool.submit(call) for call in calls]
        # Here, so that Ctrl-C leaves no thread behind that still writes to the journal.
        wait(futures)
    return [future.result() for future in futures]
