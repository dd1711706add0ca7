"""The configuration's diff, before anything is replaced; secrets are masked."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from transhume.core.host import Host, Pair
from transhume.steps import postfix
from transhume.steps.configuration import Configuration

# Of these files nothing is shown; elsewhere nothing that stands beside such a word.
_SECRET_FILE = re.compile(r"(?i)passw|\.tok$|secret|credential|sasl")
_SECRET = re.compile(r"(?i)passw|secret|token|\w*key\b")


def diff(step: Configuration, pair: Pair) -> Iterator[str]:
    """What would change on the target, as unified diffs; secrets are masked."""
    folders, files = step.present(pair)
    listed = [path for folder in folders for path in _files(pair.source, folder)]
    extra = [path for folder in folders for path in _files(pair.target, folder)]
    wanted = postfix.adapted(pair)
    for path in sorted({*listed, *extra, *files}):
        if step.stays(path):
            continue
        yield from _diff(path, pair.target.file(path), pair.source.file(path))
    for path, content in wanted.items():
        yield from _diff(path, pair.target.file(path), content)


def _files(host: Host, folder: str) -> list[str]:
    output = host.ask("find", folder, "-type", "f", "-print0")
    return [path for path in output.text.split("\0") if path]


def _diff(path: str, before: bytes | None, after: bytes | None) -> Iterator[str]:
    if before == after:
        return
    if b"\0" in (before or b"") + (after or b""):
        yield f"{path}: binary, {len(before or b'')} bytes become {len(after or b'')}"
        return
    old, new = (_masked(path, content or b"").split("\n") for content in (before, after))
    named = (f"target:{path}", f"source:{path}")
    shown = list(difflib.unified_diff(old, new, *named, lineterm="", n=1))
    yield from shown or [f"{path}: differs in what isn't shown"]


def _masked(path: str, content: bytes) -> str:
    text = content.decode(errors="replace")
    if text and (_SECRET_FILE.search(path) or "PRIVATE KEY" in text):
        return "(secret)"
    return "\n".join(_masked_line(line) for line in text.split("\n"))


def _masked_line(line: str) -> str:
    """The line up to the first word for a secret; whatever follows it may be one."""
    found = _SECRET.search(line)
    return f"{line[: found.end()]}(masked)" if found and line[found.end() :].strip() else line
