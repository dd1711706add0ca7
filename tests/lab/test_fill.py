"""Generated mail is the same for the same seed, and of real-life sizes."""

from __future__ import annotations

import random
import statistics

import pytest

from lab.fill import arguments
from lab.standin.machine import fill_mail, fill_rows, fill_trees, mailstore
from lab.standin.machine.accounts import Account

PEOPLE = tuple(
    Account(f"U{n}", f"user{n}@example.org", n, {"inbox": 10 * n, "sent": 10 * n + 1})
    for n in range(1, 8)
)
ORDER = fill_mail.Order(1, 1000, 2000, 0.1, 500, PEOPLE)


def test_a_letter_follows_from_seed_and_number() -> None:
    again = fill_mail.Order(1, 1000, 2000, 0.1, 500, PEOPLE)
    other = fill_mail.Order(2, 1000, 2000, 0.1, 500, PEOPLE)
    assert fill_mail.letter(ORDER, 7) == fill_mail.letter(again, 7)
    assert fill_mail.letter(ORDER, 7).data != fill_mail.letter(other, 7).data


def test_letters_are_real_messages() -> None:
    letter = fill_mail.letter(ORDER, 7)
    row = mailstore.body_row(mailstore.Body.of(letter.data))
    assert (row[5], row[8]) == (letter.message_id, len(letter.data))
    assert b"\n" not in letter.data.replace(b"\r\n", b"")


def test_sizes_are_log_normal() -> None:
    rng = random.Random(1)
    sizes = [fill_mail.size_of(rng, 12_000) for _ in range(5000)]
    assert 10_500 < statistics.median(sizes) < 13_500
    assert statistics.mean(sizes) > 1.5 * statistics.median(sizes)


def test_some_bodies_are_shared_and_none_twice_by_one_owner() -> None:
    letters = [fill_mail.letter(ORDER, number) for number in range(200)]
    assert 5 < sum(len(letter.owners) > 1 for letter in letters) < 60
    assert all(
        len({owner.uid for owner in letter.owners}) == len(letter.owners) for letter in letters
    )


def test_each_record_has_its_row_in_every_table() -> None:
    rows = fill_mail.Rows()
    letter = fill_mail.letter(ORDER, 7)
    fill_mail.add_rows(rows, ORDER, letter, b"\x01" * 20)
    for table, columns in fill_mail.COLUMNS.items():
        lines = rows.buffers[table].getvalue().splitlines()
        assert len(lines) == (1 if table == "t_message_body" else len(letter.owners))
        assert all(line.count("\t") == columns.count(",") for line in lines)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "\\N"), (b"\x01", "\\\\x01"), (True, "t"), ("a\tb\\\n", "a\\tb\\\\\\n"), (3, "3")],
)
def test_copy_text(value: object, text: str) -> None:
    assert fill_mail.copy_text(value) == text


def test_every_column_type_gets_a_value() -> None:
    assert "enum_range(NULL::t_job_status)" in fill_rows.value("x", "t_job_status", "e")
    assert fill_rows.value("name", "text", "b") == "'name ' || n"
    assert fill_rows.value("x", "bigint", "b") == "n"


def test_odd_names_are_names() -> None:
    assert len(set(fill_trees.ODD_NAMES)) == len(fill_trees.ODD_NAMES)
    assert all(0 < len(name) <= 255 and b"/" not in name for name in fill_trees.ODD_NAMES)


def test_the_command_line_says_what_was_asked() -> None:
    argv = arguments(messages=5, odd_names=False, legacy_zones=True)
    assert "--messages=5" in argv
    assert {"--plain-names", "--legacy-zones"} <= set(argv)
