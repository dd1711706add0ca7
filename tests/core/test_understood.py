"""Whatever a machine answers, taking it apart ends in an error with a name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

from transhume.core.understood import understood
from transhume.errors import StepFailed, Unreachable

_ANY: Any = None
ODD: dict[str, Callable[[], object]] = {
    "a number": lambda: int("x"),
    "a row of another length": lambda: list[int]()[2],
    "another shape": lambda: dict[str, int]()["key"],
    "nothing": lambda: _ANY.strip(),
    "another kind": lambda: "x" + _ANY,
    "no UTF-8": lambda: b"\xff".decode(),
    "depth": lambda: json.loads("[" * 100_000),
    "no literal": lambda: sql.Literal({}).as_string(),
}


@pytest.mark.parametrize("what", ODD)
def test_it_has_a_name_and_keeps_its_cause(what: str) -> None:
    with pytest.raises(StepFailed, match="it: a machine's") as raised, understood("it"):
        ODD[what]()
    assert isinstance(raised.value.__cause__, Exception)
    assert not isinstance(raised.value.__cause__, StepFailed)


def test_it_is_told_in_one_short_line() -> None:
    with pytest.raises(StepFailed) as raised, understood("it"):
        raise ValueError("x" * 10_000)
    assert len(raised.value.what) < 300


def test_errors_that_have_a_name_keep_it() -> None:
    with pytest.raises(Unreachable), understood("it"):
        raise Unreachable("the source")
    with pytest.raises(StepFailed, match=re.escape("OperationalError")), understood("it"):
        raise psycopg.OperationalError("gone")
