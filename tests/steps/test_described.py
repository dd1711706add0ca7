"""How a database is set up, said alike by servers that sort by other rules."""

from __future__ import annotations

from tests.fakes import FakeHost
from transhume.steps.described import described

_ROW = ("bj", "bj", "UTF8", "C", "C", -1, "")
_GRANTED = [["bm_b", "CONNECT", ""], ["bmA", "CONNECT", ""]]
_SET = [("", "work_mem=1MB"), ("", "TimeZone=GMT")]


def _server(granted: list[list[str]], settings: list[tuple[str, str]]) -> FakeHost:
    rows = {"from pg_database": [(*_ROW, granted)], "from pg_db_role_setting": settings}
    return FakeHost("source", held=rows)  # type: ignore[arg-type]


def test_the_order_of_a_clusters_collation_is_no_difference() -> None:
    one, other = _server(_GRANTED, _SET), _server(_GRANTED[::-1], _SET[::-1])
    said = described(one, "bj")
    assert said == described(other, "bj")
    assert said is not None
    assert said.privileges == (("bmA", "CONNECT", ""), ("bm_b", "CONNECT", ""))
