"""The house keeps its own rules: floors, budgets, no circle, a sentence at the top of each file."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "transhume"
FOLDERS = {name: ROOT / name for name in ("src", "lab", "tests")}
# Each may import what stands on a lower floor; the three wings don't know each other.
FLOORS: Mapping[str, frozenset[str]] = {
    "errors": frozenset(),
    "agent": frozenset(),
    "core": frozenset({"errors"}),
    "steps": frozenset({"errors", "agent", "core"}),
    "engine": frozenset({"errors", "core"}),
    "hosts": frozenset({"errors", "agent", "core"}),
    "profiles": frozenset({"errors", "agent", "core", "steps"}),
    "ui": frozenset({"errors", "core", "steps", "engine", "hosts", "profiles"}),
}
# What makes a room pure or not: core neither touches the world nor asks what time it is.
_IMPURE = {"subprocess", "socket", "time", "datetime", "os", "shutil", "pathlib", "sqlite3"}
_MEDIAN, _NINETIETH, _LONGEST = 8, 30, 60
_MEDIAN_FILE = 120
# Tables of cases may run a little longer.
_LONGEST_FILE = {"src": 400, "lab": 400, "tests": 450}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.fixture(scope="module", autouse=True)
def _forgotten() -> Iterator[None]:
    """A million nodes kept for ever would slow down every test that follows."""
    yield
    for kept in (_trees, _nodes, _modules, _imported):
        kept.cache_clear()


@cache
def _trees(folder: Path) -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in sorted(folder.rglob("*.py"))}


@cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    """The imports and functions of a file: walking all of it takes its time."""
    tree = next(trees[path] for trees in map(_trees, FOLDERS.values()) if path in trees)
    wanted = (ast.Import, ast.ImportFrom, Function)
    return tuple(node for node in ast.walk(tree) if isinstance(node, wanted))


@cache
def _modules() -> dict[str, Path]:
    return {_name(path): path for path in _trees(SOURCE) if PACKAGE in path.parents}


def _name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _imported(name: str) -> frozenset[str]:
    """Every module that this one imports, wherever in it."""
    return frozenset(found for node in _nodes(_modules()[name]) for found in _named(name, node))


def _named(name: str, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{name} imports relatively"
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in _modules() else str(node.module)


def _floor(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "transhume" else ""


def _inside(name: str) -> set[str]:
    return {other for other in _imported(name) if other.startswith("transhume.") and other != name}


def test_every_module_stands_on_a_floor() -> None:
    assert {_floor(name) for name in _modules()} - {""} == set(FLOORS)


def test_imports_point_down() -> None:
    wrong = [
        f"{name} imports {other}"
        for name in _modules()
        for other in _inside(name)
        if _floor(name) and _floor(other) not in FLOORS[_floor(name)] | {_floor(name)}
    ]
    assert wrong == []


def test_the_core_is_pure() -> None:
    wrong = [
        f"{name} imports {other}"
        for name in _modules()
        for other in _imported(name)
        if _floor(name) in ("core", "errors") and other.partition(".")[0] in _IMPURE
    ]
    assert wrong == []


def test_nothing_imports_in_a_circle() -> None:
    needs = {name: _inside(name) for name in _modules()}
    while True:
        free = {name for name, wanted in needs.items() if not wanted & set(needs)}
        if not free:
            break
        for name in free:
            del needs[name]
    assert not needs, f"in or behind a circle: {', '.join(sorted(needs))}"


def test_nobody_takes_what_another_module_keeps_to_itself() -> None:
    wrong = [
        f"{name} takes {alias.name} from {node.module}"
        for name, path in _modules().items()
        for node in _nodes(path)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("transhume")
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]
    assert wrong == []


def _functions(folder: Path) -> dict[str, int]:
    """How many lines each function has, from `def` to its end, without its docstring."""
    return {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": _length(node)
        for path in _trees(folder)
        for node in _nodes(path)
        if isinstance(node, Function)
    }


def _length(function: Function) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


@pytest.mark.parametrize("folder", ["src", "lab", "tests"])
def test_no_function_and_no_file_is_too_long(folder: str) -> None:
    lengths = _functions(FOLDERS[folder])
    files = {path: len(path.read_text().splitlines()) for path in _trees(FOLDERS[folder])}
    limit = _LONGEST_FILE[folder]
    assert {name: lines for name, lines in lengths.items() if lines > _LONGEST} == {}
    assert {str(path): lines for path, lines in files.items() if lines > limit} == {}


def test_functions_and_files_are_short_as_a_rule() -> None:
    lengths = sorted(_functions(SOURCE).values())
    files = [len(path.read_text().splitlines()) for path in _trees(SOURCE)]
    assert statistics.median(lengths) <= _MEDIAN
    assert lengths[len(lengths) * 9 // 10] <= _NINETIETH
    assert statistics.median(files) <= _MEDIAN_FILE


@pytest.mark.parametrize("folder", ["src", "lab", "tests"])
def test_every_file_begins_with_one_sentence(folder: str) -> None:
    wrong = []
    for path, tree in _trees(FOLDERS[folder]).items():
        first = (ast.get_docstring(tree) or "").split("\n\n")[0]
        if path.read_text() and not first.rstrip().endswith((".", ":", "?", "…")):
            wrong.append(str(path.relative_to(ROOT)))
    assert wrong == []


def test_everything_public_says_what_it_is_for() -> None:
    wrong = [
        f"{name}.{node.name}"
        for name, path in _modules().items()
        for node in ast.iter_child_nodes(_trees(SOURCE)[path])
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_")
        if ast.get_docstring(node) is None and not name.endswith(".announce")
    ]
    assert wrong == []


def test_only_the_one_room_and_the_machines_alter_something() -> None:
    """A step yields changes: it starts no process and writes no file itself."""
    wrong = [
        f"{name} imports {other}"
        for name in _modules()
        for other in _imported(name)
        if _floor(name) in ("core", "steps", "profiles") and other == "subprocess"
    ]
    assert wrong == []


def test_what_is_sent_along_stands_alone() -> None:
    """Each agent is one file for any Python 3.6: it imports nothing of ours."""
    agents = [name for name in _modules() if name.startswith("transhume.agent.")]
    assert not {name for name in agents if _inside(name)}


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "agent").glob("*.py")), ids=lambda path: path.name
)
def test_what_is_sent_along_is_old_python(path: Path) -> None:
    if path.name != "__init__.py":
        tree = ast.parse(path.read_text(), feature_version=(3, 6))
        later = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        # Python 3.7 brought that one: an older one refuses the whole file.
        assert "__future__" not in {node.module for node in later}
