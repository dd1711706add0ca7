"""Reads as much of YAML as network files use, with the line of each key and item.

There is no YAML library that keeps comments and is in every distribution. What lies outside the
block style, and could mean something else than it seems to, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from transhume.steps.network.edit import NotUnderstood, Text

_COMMENT = re.compile(r"""((?:[^"'#]|"[^"]*"|'[^']*'|(?<=\w)'|(?<!\s)#)*?)(?:(?:^|\s)#.*)?""")
_KEY = re.compile(r"""("[^"]*"|'[^']*'|[^"'\[{#&*!|>%@,].*?)\s*:(?:\s+(.*))?""")
_ITEM = "-"


@dataclass
class Node:
    """A key with its value, or an item of a list (its key is "-"), and what is nested in it."""

    key: str
    value: str
    indent: int
    first: int
    last: int
    inner: list[Node] = field(default_factory=list)

    def get(self, key: str) -> Node | None:
        """The key of that name directly inside."""
        return next((node for node in self.inner if node.key == key), None)

    def text(self, key: str) -> str:
        """What that key holds; empty when it isn't there."""
        node = self.get(key)
        return plain(node.value) if node else ""

    def items(self) -> list[Node]:
        """The items of a list in block style."""
        return [node for node in self.inner if node.key == _ITEM]

    def walk(self) -> Iterator[Node]:
        """Everything nested in it, at any depth."""
        for node in self.inner:
            yield node
            yield from node.walk()


def plain(word: str) -> str:
    """A word without its quotes."""
    quoted = len(word) > 1 and word[0] == word[-1] and word[0] in "\"'"
    return word[1:-1] if quoted else word


def flow_list(value: str) -> list[str] | None:
    """The words of `[one, two]`; None for anything else."""
    if not (value.startswith("[") and value.endswith("]")):
        return None
    return [plain(word.strip()) for word in value[1:-1].split(",") if word.strip()]


def outline(path: str, text: Text) -> Node:
    """The whole file as one node; NotUnderstood for what this can't read."""
    top = Node("", "", -1, 0, 0)
    stack = [top]
    for number, indent, rest in _lines(path, text):
        while rest == _ITEM or rest.startswith(f"{_ITEM} "):
            # A list may stand as deep as the key that it belongs to.
            _fold(stack, indent, keep_key=True)
            item = Node(_ITEM, "", indent, number, number)
            _push(stack, item)
            after = rest[1:].lstrip()
            indent, rest = indent + len(rest) - len(after), after
        if rest:
            _hang(path, stack, number, indent, rest)
        for node in stack:
            node.last = number
    return top


def _fold(stack: list[Node], indent: int, *, keep_key: bool) -> None:
    while stack[-1].indent > indent or (
        stack[-1].indent == indent and not (keep_key and stack[-1].key != _ITEM)
    ):
        stack.pop()


def _push(stack: list[Node], node: Node) -> None:
    stack[-1].inner.append(node)
    stack.append(node)


def _hang(path: str, stack: list[Node], number: int, indent: int, rest: str) -> None:
    match = _KEY.fullmatch(rest)
    if match:
        _fold(stack, indent, keep_key=False)
        value = (match[2] or "").strip()
        _push(stack, Node(plain(match[1]), value, indent, number, number))
    elif stack[-1].key == _ITEM and stack[-1].first == number and not stack[-1].value:
        stack[-1].value = rest
    else:
        raise NotUnderstood(f"{path}, line {number + 1}, isn't understood: {rest}")
    if stack[-1].value.startswith(("&", "*", "!", "|", ">")) or stack[-1].key == "<<":
        raise NotUnderstood(f"{path}, line {number + 1}: only plain YAML is understood: {rest}")


def _lines(path: str, text: Text) -> Iterator[tuple[int, int, str]]:
    """Line number, depth and content; a list in brackets over several lines counts as one."""
    first, joined, begun = 0, "", False
    for number, raw in enumerate(text.lines):
        line = _uncommented(path, number, raw.rstrip("\r\n"))
        if not joined and line in ("", "---") and not (begun and line):
            continue
        begun = True
        first = first if joined else number
        joined = f"{joined} {line.strip()}" if joined else line
        if joined.count("[") + joined.count("{") > joined.count("]") + joined.count("}"):
            continue
        yield first, len(joined) - len(joined.lstrip(" ")), joined.strip(" ")
        joined = ""
    if joined:
        raise NotUnderstood(f"{path}, line {first + 1}: a bracket isn't closed")


def _uncommented(path: str, number: int, line: str) -> str:
    match = _COMMENT.fullmatch(line)
    if match is None or "\t" in line[: len(line) - len(line.lstrip())]:
        raise NotUnderstood(f"{path}, line {number + 1}, isn't understood: {line.strip()}")
    return match[1].rstrip()
