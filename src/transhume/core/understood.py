"""The border at which an answer of another form than was asked for becomes an error with a name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from transhume.errors import NONSENSE, StepFailed

_LONGEST = 200


@contextmanager
def understood(what: str) -> Iterator[None]:
    """StepFailed for whatever Python says while it takes answers apart; `what` names the reading.

    A machine may answer anything: it is damaged, of another version, or in other hands. The cause
    is kept, for it may as well be a mistake of ours.
    """
    try:
        yield
    except (*NONSENSE, psycopg.Error) as error:
        said = f"{type(error).__name__}: {error}"[:_LONGEST]
        raise StepFailed(f"{what}: a machine's answer can't be understood ({said})") from error
