"""The examples of CONTRIBUTING.md work, and the floors are as the architecture draws them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.conftest import ROOT
from tests.fakes import FakeHost
from transhume.core import toml
from transhume.core.change import RemoveFile, WriteFile
from transhume.core.host import Pair
from transhume.profiles.bluemind import layout

_PACKAGE = ROOT / "src" / "transhume"
_PAGE = ROOT / "docs" / "architecture.md"


def blocks(language: str) -> list[str]:
    """The examples in that language."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def named(name: str) -> Any:
    """What one of the Python examples defines under that name."""
    code = next(block for block in blocks("python") if re.search(rf"\b{name}\b", block))
    space: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, "CONTRIBUTING.md", "exec"), space)
    return space[name]


def pair(source: dict[str, bytes], target: dict[str, bytes]) -> Pair:
    """Two machines with these files."""
    return Pair(FakeHost("source", files=source), FakeHost("target", files=target))


def test_the_step_writes_what_differs_and_knows_the_way_back() -> None:
    step, new = named("Greeting")(), b"welcome\n"

    (change,) = step.run(pair({"/etc/motd": new}, {"/etc/motd": b"old\n"}))

    assert change.act == WriteFile("target", "/etc/motd", new)
    assert change.back == WriteFile("target", "/etc/motd", b"old\n")
    (first,) = step.run(pair({"/etc/motd": new}, {}))
    assert first.back == RemoveFile("target", "/etc/motd")


def test_the_step_proves_itself_and_has_nothing_to_do_twice() -> None:
    step = named("Greeting")()
    before, after = pair({"/etc/motd": b"a"}, {}), pair({"/etc/motd": b"a"}, {"/etc/motd": b"a"})

    assert [finding.key for finding in step.verify(before)] == ["greeting-differs"]
    assert not list(step.verify(after))
    assert not list(step.run(after))


def test_the_check_sees_what_it_says() -> None:
    check, head = named("CHECK"), b"Filename Type Size Used Priority\n"

    without = check.findings(pair({}, {"/proc/swaps": head}))
    with_it = check.findings(pair({}, {"/proc/swaps": head + b"/swap file 1 0 -2\n"}))

    assert [finding.key for finding in without] == ["no-swap"]
    assert not with_it


def test_the_tree_can_be_added_to_the_layout() -> None:
    (tree,) = blocks("toml")
    text = (_PACKAGE / "profiles" / "bluemind" / "bluemind-5.toml").read_text()

    read = toml.read(layout.Layout, text + tree, "the layout")

    assert read.tree[-1].path == "/var/lib/ldap"


def floors() -> dict[str, int]:
    """The rooms of the architecture's drawing, each with its floor."""
    drawn = re.findall(r"^(\d)  (.+?)(?:  +|$)(?!.*\bfloor)", _PAGE.read_text(), re.MULTILINE)
    lines = re.findall(r"^(\d)  ([a-z| ]+?)   ", _PAGE.read_text(), re.MULTILINE)
    assert len(drawn) == len(lines)
    return {room: int(floor) for floor, rooms in lines for room in re.findall(r"[a-z]+", rooms)}


def imports(path: Path) -> Iterator[str]:
    """The rooms of ours that a module imports from."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            deeper = [f"{node.module}.{alias.name}" for alias in node.names]
            names = deeper if node.module == "transhume" else [node.module]
        yield from (name.split(".")[1] for name in names if re.match(r"transhume\.\w", name))


def test_the_floors_name_every_room() -> None:
    inside = [path for path in _PACKAGE.iterdir() if not path.name.startswith("_")]
    rooms = {path.stem for path in inside if path.is_dir() or path.suffix == ".py"}

    assert set(floors()) == rooms


@pytest.mark.parametrize("room", sorted(floors()))
def test_imports_point_down(room: str) -> None:
    floor = floors()
    home = _PACKAGE / room
    modules = sorted(home.rglob("*.py")) if home.is_dir() else [home.with_suffix(".py")]

    upward = [
        f"{path.relative_to(_PACKAGE)} imports {other}"
        for path in modules
        for other in imports(path)
        if other in floor and other != room and floor[other] >= floor[room]
    ]

    assert not upward
