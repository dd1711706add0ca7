"""The documented procedure falls into its traps for real; transhume's walk past them is judged."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab import scene
from lab.documented import favour, page
from lab.documented.procedure import type_lines
from lab.pair import Pair
from lab.scene import Scene
from lab.traps import looks
from lab.traps.both import walk
from tests.real.stage import SMALL

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="the lab's machines need root"),
]


def test_a_documented_restore_loses_rows_in_silence(fresh: Scene) -> None:
    source, target = fresh.pair.machines
    favour.usual_password(fresh.pair)
    reference = looks.reference(source)
    account = type_lines(target, "cold", (*page.stop(10), *page.dumps(), *page.restore()))
    assert {typed.status for typed in account if typed.command.startswith("dropdb")} == {1}
    assert any(line.startswith("bj ") for line in looks.rows_lost(reference, target))
    favour.without_sessions(target)
    account = type_lines(target, "cold", page.restore())
    restores = [typed for typed in account if typed.command.startswith("pg_restore")]
    assert [typed.status for typed in restores] == [1, 1]
    lost = looks.rows_lost(reference, target)
    assert {line.split(":")[0] for line in lost} == {"bj-data t_mailbox_record"}


@pytest.fixture
def snared() -> Iterator[Scene]:
    with Pair.up("snared") as pair:
        yield scene.build(pair, **SMALL, legacy_zones=True)


@pytest.mark.campaign
def test_every_trap(snared: Scene) -> None:
    found = walk(snared)
    assert [row for row in found if not row.right] == []
    assert len(found) > 30
