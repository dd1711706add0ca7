"""The generated schema has the numbers that were measured on the real one."""

from __future__ import annotations

import re

import pytest

from lab.standin import schema

FULL = schema.schema("full")


def count(pattern: str) -> int:
    return len(re.findall(pattern, FULL, re.MULTILINE))


def test_root_tables_and_partitions() -> None:
    partitions = count(r"^CREATE TABLE \S+ PARTITION OF")
    assert (count(r"^CREATE TABLE") - partitions, partitions) == (104, 818)


def test_sequences_and_triggers() -> None:
    assert count(r"\b(big)?serial\b(?! column)") == 19
    assert count(r"^CREATE TRIGGER") == 28


def test_triggers_multiply_with_the_partitions() -> None:
    on = re.findall(r"^CREATE TRIGGER .* ON (\w+) FOR", FULL, re.MULTILINE)
    clones = sum(schema.PARTITIONS["full"].get(table, 0) for table in on)
    assert len(on) + clones == 5148


def test_keyless_roots() -> None:
    tables = re.findall(r"^CREATE TABLE (\w+) \((.*?)\)(?: PARTITION BY.*?)?;", FULL, re.M | re.S)
    keyless = {name for name, columns in tables if "PRIMARY KEY" not in columns}
    assert len(keyless) == 44
    assert {"t_calendar_vevent", "t_systemconf", "t_conversationreference"} <= keyless


def test_custom_settings_name_the_partition_counts() -> None:
    assert schema.custom_settings("small")["bm.mailbox_record_partitions"] == "8"
    assert sorted(map(int, schema.custom_settings("full").values())) == [25, 25, 256, 256, 256]


@pytest.mark.parametrize(
    ("kind", "method"), [("hstore", "gin"), ("text[]", "gin"), ("bigint", "btree")]
)
def test_each_type_gets_an_index_that_it_supports(kind: str, method: str) -> None:
    root = schema.Root.parse(f"t_x | id | id int, thing {kind}")
    assert root.sql()[1] == f"CREATE INDEX i_t_x_thing ON t_x USING {method} (thing);"
