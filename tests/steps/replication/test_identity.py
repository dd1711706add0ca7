"""Identities of tables: SQL that survives any name, and a way back that is the former one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import FakeHost
from transhume.steps.replication.identity import Identity, Lack, lacks, script

_names = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1)
_QUOTED = re.compile(r'"(?:[^"]|"")*"', re.DOTALL)


@pytest.mark.parametrize(
    ("kind", "index", "how"),
    [
        ("d", "", "default"),
        ("n", "", "nothing"),
        ("f", "", "full"),
        ("i", "only one", 'using index "only one"'),
    ],
)
def test_each_kind_has_its_command(kind: str, index: str, how: str) -> None:
    command = Identity("public", "t", kind, index).sql()
    assert command == f'alter table only "public"."t" replica identity {how};\n'


@given(_names, _names, _names)
def test_no_name_breaks_out_of_its_quotes(schema: str, table: str, index: str) -> None:
    command = Identity(schema, table, "i", index).sql()
    bare = _QUOTED.sub("?", command)
    assert bare == "alter table only ?.? replica identity using index ?;\n"


def test_a_unique_index_is_better_than_the_whole_row() -> None:
    rows = [
        ("public", "indexed", "d", "", "indexed_key"),
        ("public", "bare", "n", "", ""),
        ("public", "lost", "i", "", ""),
    ]
    host = FakeHost("source", held={"left join lateral": rows})
    assert lacks(host, "bj") == (
        Lack(Identity("public", "indexed", "d"), Identity("public", "indexed", "i", "indexed_key")),
        Lack(Identity("public", "bare", "n"), Identity("public", "bare", "f")),
        Lack(Identity("public", "lost", "n"), Identity("public", "lost", "f")),
    )


def test_a_lock_that_isnt_had_holds_nobody_up() -> None:
    assert script([Identity("a", "b", "f")]).startswith("set lock_timeout = '5s';\n")
