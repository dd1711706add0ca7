"""The proof's own slot on the source: it stays only as long as its database follows."""

from __future__ import annotations

from tests.steps.replication.servers import following, note, pair, source
from transhume.core.change import Run, leaves
from transhume.core.host import Pair
from transhume.steps.replication.hot_proof import ForgetProof, Ledger, ProveHot
from transhume.steps.replication.record import Record

LEDGER = Ledger(following(), "/var/lib/transhume/proved")
_SLOT = "coalesce(to_jsonb(s) ->> 'wal_status'"


def _dumped() -> Pair:
    """Both databases are dumped."""
    both = pair()
    for name in ("bj", "bj-data"):
        note(both, name, Record("dump"))
    return both


def test_a_database_that_is_dumped_after_all_keeps_no_slot_of_the_proof() -> None:
    both = _dumped()
    source(both).held[_SLOT] = [(True,)]
    first, second = ProveHot(LEDGER).run(both)
    assert first.title == second.title == "let go of transhume_5_proof"
    (drop,) = leaves(first.act)
    assert isinstance(drop, Run)
    assert drop.place == "source"
    assert "pg_drop_replication_slot" in drop.input.decode()
    assert "'transhume_5_proof'" in drop.input.decode()


def test_where_there_is_no_such_slot_nothing_is_let_go() -> None:
    both = _dumped()
    assert list(ProveHot(LEDGER).run(both)) == []
    assert list(ForgetProof(LEDGER).run(both)) == []
