"""How rows are read: names stay data, big tables in pieces, small ones together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from transhume.core.host import LOCKED, Answer
from transhume.steps.rows import Held, Unread, read_both, row_text
from transhume.steps.tables import Table

_names = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def _table(name: str, *, size: int = 8192, version: int = 150000) -> Table:
    return Table(("public", name), (("a", ""),), ("a",), True, size, -(-size // 8192), version)


class _Server:
    """Answers each query with one row for each table in it, and remembers the queries."""

    def __init__(self, *locked: str) -> None:
        self.locked = locked
        self.asked: list[str] = []

    def read(self, query: str) -> list[tuple[object, ...]]:
        raise AssertionError(query)

    def ask(self, queries: Sequence[str]) -> Iterator[Answer]:
        self.asked += queries
        for at, query in enumerate(queries):
            if any(f'"{name}"' in query for name in self.locked):
                yield Answer(at, [], "it is locked", LOCKED)
            else:
                yield Answer(at, [(i, 2, "40") for i in range(query.count("count(*)"))])


@given(st.lists(_names, min_size=1, max_size=4))
def test_no_column_breaks_out_of_its_quotes(names: list[str]) -> None:
    table = Table(
        ("s", "t"), tuple((name, "float8send") for name in names), (), False, 1, 1, 110000
    )
    sent = ", ".join(["pg_catalog.?(r.?)"] * len(names))
    bare = ", ".join(["r.?"] * len(names))
    assert _QUOTED.sub("?", row_text(table, floats=True).as_string()) == f"row({sent})::text"
    assert _QUOTED.sub("?", row_text(table, floats=False).as_string()) == f"row({bare})::text"


def test_small_tables_share_a_query_and_big_ones_are_cut() -> None:
    small = {table.name: table for table in (_table(f"t{i}") for i in range(40))}
    big = _table("big", size=100 << 20)
    there, here = _Server(), _Server()
    sides = (
        {**small, big.name: big},
        {**small, big.name: _table("big", size=100 << 20, version=130000)},
    )
    seen: list[tuple[int, int]] = []
    held = read_both((there, here), sides, lambda done, whole: seen.append((done, whole)))
    assert held[0][big.name] == Held(2 * 4, 40 * 4)
    assert held[1][big.name] == Held(2, 40)
    assert [query.count("count(*)") for query in there.asked] == [1, 1, 1, 1, 32, 8]
    assert "ctid >= '(12288,0)'" in there.asked[3]
    assert seen[-1][0] == seen[-1][1]


def test_a_table_without_a_block_is_empty_unasked() -> None:
    empty = {("public", "none"): _table("none", size=0)}
    server = _Server()
    held, _ = read_both((server, _Server()), (empty, empty), lambda done, whole: None)
    assert held == {("public", "none"): Held()}
    assert server.asked == []


def test_a_locked_table_doesnt_hide_those_beside_it() -> None:
    known = {table.name: table for table in (_table("a"), _table("b"), _table("c"))}
    held, _ = read_both((_Server("b"), _Server()), (known, known), lambda done, whole: None)
    assert held == {
        ("public", "a"): Held(2, 40),
        ("public", "b"): Unread("it is locked", locked=True),
        ("public", "c"): Held(2, 40),
    }
