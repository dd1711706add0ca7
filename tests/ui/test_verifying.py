"""Every difference is kept, the first hundred are shown, and only what is whole is said to be."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from rich.console import Console

from transhume.core.finding import Proof
from transhume.core.tally import NAMED
from transhume.ui import verifying
from transhume.ui.timeline import proof_words
from transhume.ui.verifying import KEPT, kept


def test_each_difference_is_one_line_for_root_alone(tmp_path: Path) -> None:
    with kept(tmp_path) as written:
        written.tell("/var/spool/cyrus", "two\nlines\udcff: missing on the target")
        written.tell("bj", "t_server: 1 row differs")
    path = tmp_path / KEPT
    assert path.read_text().splitlines() == [
        "/var/spool/cyrus: two\\nlines\\xff: missing on the target",
        "bj: t_server: 1 row differs",
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_a_proof_alone_names_is_written_down_once(tmp_path: Path) -> None:
    """A database's proof names its differences itself, a tree's tells them as they are found."""
    told = Proof("/tree", 2, 1, "entries", ("x: missing",))
    alone = Proof(
        "bj", 5, 4, "tables", ("t_server, row id=1: other ip",), notes=("extension: newer",)
    )
    with kept(tmp_path) as written:
        written.tell("/tree", "x: missing")
        for proof in (told, alone):
            written.add(proof)
    assert (tmp_path / KEPT).read_text().splitlines() == [
        "/tree: x: missing",
        "bj: t_server, row id=1: other ip",
        "bj: extension: newer",
    ]


def test_many_rows_of_one_table_are_counted_one_by_one() -> None:
    rows = tuple(f"t_item, row id={number}: other name" for number in range(130))
    lines = _shown(Proof("bj", 900, 899, "tables", rows))
    assert lines[100:] == ["and 30 more differences, in /state/differences.txt"]


def test_without_a_difference_there_is_no_file_also_when_there_was_one(tmp_path: Path) -> None:
    (tmp_path / KEPT).write_text("of the former comparison\n")
    with kept(tmp_path):
        pass
    assert not (tmp_path / KEPT).exists()


def _shown(*proofs: Proof, told: Mapping[str, int] | None = None) -> list[str]:
    out = StringIO()
    path = Path("/state/differences.txt")
    verifying._show(Console(file=out, width=200), proofs, path, told or {})
    return out.getvalue().splitlines()


def test_the_first_hundred_are_shown_and_the_others_counted() -> None:
    differing = tuple(f"{number}: missing" for number in range(90))
    proofs = [Proof(part, 1000, 900, "entries", differing) for part in ("/a", "/b")]
    lines = _shown(*proofs)
    assert lines[0] == "/a: 0: missing"
    assert lines[99] == "/b: 9: missing"
    assert lines[100:] == ["and 100 more differences, in /state/differences.txt"]


def test_what_was_told_and_is_in_no_proof_is_counted_but_no_note() -> None:
    rows = Proof("bj", 5, 4, "tables", tuple(f"row {number}" for number in range(101)))
    lines = _shown(rows, told={"bj": 30_001})
    assert lines[100:] == ["and 29,901 more differences, in /state/differences.txt"]
    notes = Proof("bodies", 9, 9, "rows", notes=tuple(map(str, range(NAMED))))
    assert not [line for line in _shown(notes, told={"bodies": 5_000}) if "more" in line]


def test_the_lines_of_each_part_are_counted(tmp_path: Path) -> None:
    with kept(tmp_path) as written:
        for said in ("a", "b"):
            written.tell("bj", said)
        assert written.told == {"bj": 2}


def test_what_is_no_difference_is_noted() -> None:
    assert _shown(Proof("bodies", 1, 1, "bodies", notes=("x: damaged before",))) == [
        "noted: bodies: x: damaged before"
    ]


def test_all_is_said_only_of_all() -> None:
    assert "(99 %)" in proof_words(Proof("/a", 1_000_000, 999_999, "entries", ("x",)))
    assert "(100 %)" in proof_words(Proof("/a", 7, 7, "entries"))
    assert proof_words(Proof("/a", 0, 0, "entries")) == "nothing to compare (entries)"
