"""What a database holds, in one query that survives any name."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import FakeHost
from transhume.steps.rows import _count, contents, schema

_names = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1)
_QUOTED = re.compile(r'"(?:[^"]|"")*"| ?E\'(?:[^\'\\]|\'\'|\\\\)*\'|\'(?:[^\']|\'\')*\'', re.DOTALL)


@given(st.lists(st.tuples(_names, _names), min_size=1, max_size=3))
def test_no_name_breaks_out_of_its_quotes(tables: list[tuple[str, str]]) -> None:
    bare = " ".join(_QUOTED.sub("?", _count(tables)).replace("select?", "select ?").split())
    one = "select ?, count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) from ?.? t"
    assert bare == " union all ".join([one] * len(tables))


def test_tables_and_sequences_are_told_apart() -> None:
    host = FakeHost("source")
    host.held = {
        "select n.nspname": [("public", "a")],
        "hashtextextended": [("public.a", 3, "12345678901234567890")],
        "from pg_sequences": [("public.a", 7, "1")],
    }
    assert contents(host, "bj") == {
        "public.a": (3, "12345678901234567890"),
        "sequence public.a": (7, "1"),
    }


def test_an_empty_database_is_not_asked_for_its_rows() -> None:
    host = FakeHost("source", held={"select n.nspname": [], "from pg_sequences": []})
    assert contents(host, "bj") == {}
    assert not any("hashtextextended" in query for _, query in host.queries)


def test_every_object_counts_once() -> None:
    rows = [("index", "public.i", "CREATE INDEX"), ("relation", "public.a", "rp")]
    host = FakeHost("source", held={"with own as": [*rows, rows[0]]})
    assert schema(host, "bj") == frozenset(rows)
