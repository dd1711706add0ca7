"""The documentation is what the code says: generated parts, links, commands, names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType

import pytest
import typer

from tests.docs.conftest import PAGES, ROOT
from transhume.core.settings import Settings
from transhume.errors import SettingsError
from transhume.ui.cli import app

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_TYPED = re.compile(r"^(?:# )?transhume ([a-z]+)((?: [^\s`]+)*)", re.MULTILINE)


def named(path: Path) -> str:
    """How a page is called in the list of tests."""
    return str(path.relative_to(ROOT))


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return _FENCE.sub("", page.read_text())


def typed(page: Path) -> list[tuple[str, str]]:
    """Every command of the tool on the page, with what is typed after it."""
    quoted = re.findall(r"`([^`]+)`", prose(page))
    screens = [text for _, text in _FENCE.findall(page.read_text())]
    return [found for text in (*quoted, *screens) for found in _TYPED.findall(text)]


def anchors(page: Path) -> set[str]:
    """The names that a page's headings have as targets of links."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = (re.sub(r"[`*]", "", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}


def test_every_generated_file_is_current(generate: ModuleType) -> None:
    stale = [
        named(path)
        for path, text in generate.generated().items()
        if not path.exists() or path.read_text() != text
    ]

    assert not stale, f"make docs writes them anew: {', '.join(stale)}"


def test_a_page_without_its_marks_is_refused(generate: ModuleType) -> None:
    with pytest.raises(LookupError, match="the marks of keys stand 0 times"):
        generate.filled("# Status\n", {"keys": lambda: "nothing"})


def test_what_stands_around_a_generated_part_stays(generate: ModuleType) -> None:
    page = f"before\n{generate.mark('x')}\nold\n{generate.mark('x', 'end')}\nafter\n"

    text = generate.filled(page, {"x": lambda: "new \\1"})

    assert "old" not in text
    assert "new \\1" in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert generate.filled(text, {"x": lambda: "new \\1"}) == text


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)

    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_exists(page: Path) -> None:
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]

    assert {name for name, _ in typed(page)} <= known


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_option_of_a_command_exists(page: Path) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]

    unknown = [
        f"{name} {option}"
        for name, words in typed(page)
        if name in commands
        for option in re.findall(r"(?<= )--[a-z-]+", words)
        if not any(option in item.opts for item in commands[name].params)
    ]

    assert not unknown


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE))

    assert asked <= targets


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_in_code_quotes_exists(page: Path) -> None:
    pattern = r"`((?:docs|lab|tests|src|core|engine|hosts|steps|profiles|ui)/[\w./-]*)`"
    homes = (ROOT, ROOT / "src" / "transhume")

    missing = [
        name
        for name in re.findall(pattern, prose(page))
        if not any((home / name).exists() for home in homes)
    ]

    assert not missing


def test_every_exit_code_says_what_to_do(generate: ModuleType) -> None:
    explained = anchors(ROOT / "docs" / "errors.md")
    codes = [kind.exit_code for kind in generate.from_code.error_classes()]

    assert {f"exit-{code}" for code in codes} <= explained


def test_every_row_of_the_procedure_stands_there_once(generate: ModuleType) -> None:
    table = generate.from_code.procedure()

    assert re.findall(r"^\| (\d+) \|", table, re.MULTILINE) == [str(n) for n in range(1, 22)]


def test_a_row_without_a_step_is_an_error(generate: ModuleType) -> None:
    row = generate.from_code.Row(number=99, part="after", asks="something new")

    with pytest.raises(LookupError, match="no step answers row 99"):
        generate.from_code._procedure_row(row)


def test_the_schema_of_the_settings_knows_every_key() -> None:
    schema = json.loads((ROOT / "docs" / "settings.schema.json").read_text())

    fields = Settings.model_fields
    assert set(schema["properties"]) == {fields[name].alias or name for name in fields}
    assert schema["additionalProperties"] is False


def test_no_picture_fetches_anything() -> None:
    for path in (ROOT / "docs").glob("*.svg"):
        addresses = set(re.findall(r'https?://[^\s"]+', path.read_text()))
        # What names the format is never fetched; rich leaves its own address in a comment.
        assert addresses <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}


def test_messages_are_read_off_the_code(generate: ModuleType) -> None:
    reader = generate.from_messages
    source = (
        "def f(self, path):\n"
        "    text, remedy = f'{path} is gone', 'look'\n"
        "    raise SettingsError(text, remedy=remedy)\n"
    )

    (made,) = reader.Reader(reader.ast.parse(source)).made({"SettingsError": ("what", "remedy")})

    assert made.arguments == {"what": "<path> is gone", "remedy": "look"}
    assert reader.error_names()["SettingsError"] is SettingsError
