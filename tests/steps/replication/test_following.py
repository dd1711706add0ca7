"""Which database follows and which is dumped, and why."""

from __future__ import annotations

from typing import Any

import pytest

from tests.steps.replication.servers import (
    OBSTACLES,
    SERVER,
    following,
    note,
    pair,
    server,
    source,
    target,
)
from transhume.core.host import Pair
from transhume.steps.replication.record import Record
from transhume.steps.replication.settings import PrepareSource


def _minimal() -> Pair:
    both = pair()
    source(both).held[SERVER] = server()
    return both


def test_all_can_follow() -> None:
    assert following().choices(_minimal()) == {"bj": "", "bj-data": ""}


@pytest.mark.parametrize(
    ("strategy", "restart", "word"),
    [("dump", "now", "the settings say so"), ("auto", "never", "may not be restarted")],
)
def test_the_admin_decides(strategy: str, restart: str, word: str) -> None:
    reasons = following(strategy, restart).choices(_minimal())
    assert all(word in reason for reason in reasons.values())


def test_without_a_restart_what_can_be_followed_already_follows() -> None:
    assert set(following(restart="never").choices(pair()).values()) == {""}


def test_one_that_cant_is_dumped_alone() -> None:
    both = _minimal()
    source(both).held[f"bj-data {OBSTACLES}"] = [("it holds large objects",)]
    assert following().choices(both) == {"bj": "", "bj-data": "it holds large objects"}


@pytest.mark.parametrize(
    ("place", "piece", "rows", "word"),
    [
        ("source", SERVER, server(major=10), "PostgreSQL is 10"),
        ("source", SERVER, server(major=12), "nothing bounds the log"),
        ("target", "max_logical_replication_workers", [(1, True)], "workers for 1 databases"),
        ("target", "max_logical_replication_workers", [(4, False)], "isn't a superuser"),
    ],
)
def test_what_the_servers_lack_keeps_all_from_it(
    place: str, piece: str, rows: Any, word: str
) -> None:
    both = _minimal()
    (source if place == "source" else target)(both).held[piece] = rows
    assert all(word in reason for reason in following().choices(both).values())


def test_a_full_disk_is_not_filled_further() -> None:
    both = _minimal()
    source(both).said["df --block-size=1 --output=avail"] = "Avail\n1000000\n"
    assert all("0 MiB free" in reason for reason in following().choices(both).values())


def test_what_was_decided_stays_so() -> None:
    both = _minimal()
    note(both, "bj", Record("dump"))
    note(both, "bj-data", Record("follow"))
    assert (following().dumped(both), following().followed(both)) == (("bj",), ("bj-data",))


@pytest.mark.parametrize(
    ("strategy", "severity"), [("replicate", "blocks"), ("auto", "warns"), ("dump", "notes")]
)
def test_check_says_which_and_why(strategy: str, severity: str) -> None:
    both = _minimal()
    source(both).held[f"bj-data {OBSTACLES}"] = [("it holds large objects",)]
    found = {item.seen: item for item in PrepareSource(following(strategy)).check(both)}
    (dumped,) = [item for seen, item in found.items() if seen.startswith("bj-data is dumped")]
    assert dumped.severity == severity
    assert dumped.remedy
