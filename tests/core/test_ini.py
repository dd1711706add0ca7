"""Values of an ini file, read by us and by the shell alike."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transhume.core import ini

ODD = [
    "plain",
    "with  spaces inside",
    "100%(s) %d $HOME `id` $(id) !x",
    'it\'s "quoted"',
    "back\\slash \\n \\",
    "a=b:c;d#e",
    "#hash",
    "[bracket]",
    "= ==",
    "non\xa0breaking\u2028\x85",
    "ünïcödé",
    "\udce9",
    "",
]


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("form", ["key={}\n", "  key =   {} \t\r\n", "key={}", "key=x\nkey={}\n"])
def test_a_value_is_what_stands_there(value: str, form: str) -> None:
    text = f"[other]\nkey = no\n[global]\n# key = no\n{form.format(value)}"
    content = text.encode(errors="surrogateescape")
    assert ini.section(content, "global")["key"] == value


def test_other_sections_say_nothing() -> None:
    content = b"key = no\n[globally]\nkey = no\n[global]\nkey = yes\n\n[later]\nkey = no\n"
    assert ini.section(content, "global") == {"key": "yes"}


def test_an_indented_key_is_one_of_its_own() -> None:
    content = b"[global]\n  user = bj\n  password = x\n  port = 5432\n"
    assert ini.section(content, "global") == {"user": "bj", "password": "x", "port": "5432"}


@pytest.mark.parametrize("content", [None, b"", b"key = x", b"\xff\xfe\0", b"[global"])
def test_without_a_section_there_is_nothing(content: bytes | None) -> None:
    assert ini.section(content, "global") == {}


def _shell(folder: Path, content: bytes) -> bytes:
    path = folder / "bm.ini"
    path.write_bytes(content)
    command = ini.reading(str(path), "global", "password")
    return subprocess.run(("sh", "-c", command), capture_output=True, check=True).stdout


_lines = st.binary(max_size=12).map(lambda raw: raw.translate(None, b"\0"))


@pytest.mark.programs("sh", "sed", "tail")
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(_lines.filter(lambda line: b"\n" not in line), st.lists(_lines, max_size=2))
def test_the_shell_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, value: bytes, others: list[bytes]
) -> None:
    before, after = b"\n".join(others[:1]), b"\n".join(others[1:])
    content = b"%b\n[global]\nuser = bj\npassword = %b\nport = 1\n%b" % (before, value, after)
    expected = ini.section(content, "global")["password"]
    printed = _shell(tmp_path_factory.getbasetemp(), content)
    assert printed.rstrip(b"\n").decode(errors="surrogateescape") == expected


@pytest.mark.programs("sh", "sed", "tail")
@pytest.mark.parametrize("value", ODD)
def test_the_shell_reads_odd_passwords(tmp_path: Path, value: str) -> None:
    content = f"[x]\npassword=no\n[global]\n password = {value} \r\n[y]\npassword=no\n"
    printed = _shell(tmp_path, content.encode(errors="surrogateescape"))
    assert printed == value.encode(errors="surrogateescape") + b"\n"
