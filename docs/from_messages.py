"""Every error message and every finding, read off the places in the code that make them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown import cell, code, sentence, table

import transhume
from transhume import errors as kinds
from transhume.steps.network.edit import ELSEWHERE, NotUnderstood

SOURCE = Path(transhume.__file__).parent
GAP = "…"
"""What stands for a part of the text that is known only when it happens."""

_SEVERITIES = ("blocks", "unknown", "warns", "notes")


@dataclass(frozen=True)
class Made:
    """One call that makes an error or a finding: its arguments as text, by name."""

    name: str
    arguments: dict[str, str]


Assigned = dict[str, list[ast.expr]]
"""Names with what is assigned to them, in the order of the lines."""


class Reader:
    """Resolves names to texts: of the function around the call, its class, its module."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.scopes: list[Assigned] = [assigned(tree.body)]

    def made(self, parameters: Mapping[str, Sequence[str]]) -> Iterator[Made]:
        """The calls of these names, in order, each with its parameters' names."""
        yield from self._walk(self.tree, parameters)

    def _walk(self, node: ast.AST, parameters: Mapping[str, Sequence[str]]) -> Iterator[Made]:
        if isinstance(node, ast.ClassDef):
            self.scopes.append(assigned(node.body))
        elif isinstance(node, ast.FunctionDef):
            # A function's own names may be assigned anywhere inside it.
            self.scopes.append(assigned(ast.walk(node)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names = parameters.get(node.func.id)
            if names is not None:
                yield Made(node.func.id, self._arguments(node, names))
        for child in ast.iter_child_nodes(node):
            yield from self._walk(child, parameters)
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            self.scopes.pop()

    def _arguments(self, call: ast.Call, names: Sequence[str]) -> dict[str, str]:
        given = dict(zip(names, call.args, strict=False))
        given |= {word.arg: word.value for word in call.keywords if word.arg}
        return {name: " ".join(self.text(value).split()) for name, value in given.items()}

    def text(self, node: ast.expr) -> str:
        """The text of an expression; what is known only later stands there by its name."""
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.JoinedStr):
            return "".join(self.text(part) for part in node.values)
        if isinstance(node, ast.FormattedValue):
            return self._named(node.value, ast.Constant)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return f"{self.text(node.left)}{self.text(node.right)}"
        if isinstance(node, ast.IfExp):
            return self.text(node.body)
        return self._named(node, ast.Constant, ast.JoinedStr)

    def _named(self, node: ast.expr, *kinds: type[ast.expr]) -> str:
        name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
        for depth, scope in enumerate(reversed(self.scopes)):
            # Inside a function the line before the call counts; elsewhere the order doesn't.
            earlier = [v for v in scope.get(name, ()) if depth or v.lineno < node.lineno]
            known = [v for v in earlier if isinstance(v, kinds)]
            if known:
                return self.text(known[-1])
        return f"<{name.strip('_').replace('_', ' ')}>" if name else GAP


def assigned(nodes: Iterable[ast.AST]) -> Assigned:
    """The texts that are assigned to names; pairs are taken apart."""
    found: Assigned = {}
    for node in nodes:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        pairs = [(node.targets[0], node.value)]
        if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(node.targets[0].elts, node.value.elts, strict=False))
        for target, value in pairs:
            if isinstance(target, ast.Name) and _is_text(value):
                found.setdefault(target.id, []).append(value)
    return {name: sorted(values, key=lambda value: value.lineno) for name, values in found.items()}


def _is_text(node: ast.expr) -> bool:
    literal = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return literal or isinstance(node, ast.JoinedStr)


def made(parameters: Mapping[str, Sequence[str]]) -> list[Made]:
    """All such calls in the tool."""
    files = sorted(SOURCE.rglob("*.py"))
    return [item for path in files for item in Reader(ast.parse(path.read_text())).made(parameters)]


def error_names() -> dict[str, type[kinds.TranshumeError]]:
    """The names under which errors are made, each with its kind."""
    return {
        name: kind
        for name, kind in {**vars(kinds), "NotUnderstood": NotUnderstood}.items()
        if isinstance(kind, type) and issubclass(kind, kinds.TranshumeError)
    }


def errors() -> str:
    """One table of messages and what to do, by exit code."""
    names = error_names()
    found = [
        item
        for item in made(dict.fromkeys(names, ("what", "remedy")))
        # A kind that passes a text on to the one above it doesn't say it.
        if names[item.name] is not kinds.TranshumeError and " " in item.arguments.get("what", "")
    ]
    rows = {(names[item.name], item.arguments["what"]): item for item in found}
    ordered = sorted(rows, key=lambda row: (row[0].exit_code, row[1]))
    return table(
        ("exit code", "message", "what to do"),
        [
            (str(kind.exit_code), cell(what), _remedy(kind, rows[kind, what].arguments))
            for kind, what in ordered
        ],
    )


def _remedy(kind: type[kinds.TranshumeError], given: Mapping[str, str]) -> str:
    usual = ELSEWHERE if kind is NotUnderstood else ""
    told = cell(given.get("remedy") or usual)
    if told == "…":
        return f"that of each finding in it; or {_usual(kind.exit_code)}"
    return told or _usual(kind.exit_code)


def _usual(status: int) -> str:
    return f"see [exit {status}](#exit-{status})"


def findings() -> str:
    """Every finding by its key."""
    parameters = {"Finding": ("key", "severity", "where", "seen", "why", "remedy")}
    seen: dict[str, Made] = {}
    for item in made(parameters):
        if item.arguments.get("severity") in _SEVERITIES:
            seen.setdefault(item.arguments["key"], item)
    rows = [_finding(item.arguments) for _, item in sorted(seen.items())]
    return table(("key", "severity", "on", "what was seen", "why it matters; what to do"), rows)


def _finding(given: dict[str, str]) -> tuple[str, ...]:
    where = "either" if given["where"] == "<place>" else given["where"]
    remedy = f"→ {given['remedy']}" if given.get("remedy") else ""
    why = sentence(given["why"]) if given.get("why") else ""
    told = cell(f"{why} {remedy}".strip())
    return code(given["key"]), given["severity"], where, cell(given["seen"]), told
