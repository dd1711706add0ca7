"""Any answer may be garbage: a step says so in an error with a name, or goes on; nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.contract import machines
from tests.contract.hostile import Twisted, garbage, twisted
from tests.contract.test_steps import STEPS
from transhume.core.change import Change
from transhume.core.finding import Finding, Proof
from transhume.core.host import Pair
from transhume.core.lag import Lag
from transhume.core.step import Step
from transhume.core.understood import understood
from transhume.errors import TranshumeError

LOOKS = ("run", "check", "verify", "lag")
KINDS = (Change, Finding, Proof, Lag)


def _pair(place: str, at: int, seed: int) -> tuple[Pair, Twisted]:
    healthy = machines.servers()
    odd = twisted(getattr(healthy, place), at, garbage(seed))
    pair = Pair(odd, healthy.target) if place == "source" else Pair(healthy.source, odd)
    return pair, odd


def _walk(look: Callable[[Pair], Iterator[Any]], pair: Pair) -> list[Any]:
    try:
        with understood("it"):
            return list(look(pair))
    except TranshumeError:
        return []
    except AssertionError as error:
        # A question that nobody asks of a healthy machine has no answer here.
        if not str(error).startswith("the fake "):
            raise
    return []


@pytest.mark.parametrize("place", ["source", "target"])
@pytest.mark.parametrize("step", STEPS)
def test_no_answer_ends_in_a_traceback(step: Step, place: str) -> None:
    for look in LOOKS:
        pair, asked = _pair(place, -1, 0)
        _walk(getattr(step, look), pair)
        for at in range(asked.number):
            for seed in (2 * at, 2 * at + 1):
                pair, _ = _pair(place, at, seed)
                seen = _walk(getattr(step, look), pair)
                assert all(isinstance(item, KINDS) for item in seen)
