"""Write the generated parts of the documentation; with --check only say which aren't current.

python docs/generate.py [--check]
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import from_code
import from_faults
import from_messages
import from_records

DOCS = Path(__file__).parent
ROOT = DOCS.parent

FILES: Mapping[str, Callable[[], str]] = {
    "docs/settings.schema.json": from_code.settings_schema,
    "docs/layout.schema.json": from_code.layout_schema,
    "docs/findings.schema.json": from_code.findings_schema,
    "docs/cutover.svg": from_records.picture,
}
"""Files that are generated as a whole."""

SECTIONS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "docs/settings.md": {"settings": from_code.settings, "layout": from_code.layout},
    "docs/errors.md": {"codes": from_code.exit_codes, "messages": from_messages.errors},
    "docs/checks.md": {"checks": from_code.checks, "findings": from_messages.findings},
    "docs/procedure.md": {"rows": from_code.procedure},
    "docs/steps.md": {"steps": from_code.steps},
    "docs/status.md": {"keys": from_code.status_keys},
    "docs/promises.md": {"cells": from_faults.cells},
    "docs/commands.md": {
        name: partial(from_records.command, name) for name in from_code.command_names()
    },
}
"""Parts of pages, each between two marks that name it."""


def mark(name: str, end: str = "") -> str:
    """The line before a generated part, or with `end` the one after it."""
    return f"<!-- {end or 'begin'} {name}: written by docs/generate.py -->"


def filled(page: str, sections: Mapping[str, Callable[[], str]]) -> str:
    """The page with the text between the marks written anew; LookupError without the marks."""
    for name, make in sections.items():
        first, last = mark(name), mark(name, "end")
        pattern = re.compile(re.escape(first) + r".*?" + re.escape(last), re.DOTALL)
        text = f"{first}\n\n{make().strip()}\n\n{last}"
        before, *others = pattern.split(page)
        if len(others) != 1:
            raise LookupError(f"the marks of {name} stand {len(others)} times in the page")
        page = before + text + others[0]
    return page


def generated() -> dict[Path, str]:
    """What every generated file should hold."""
    files = {ROOT / name: make() for name, make in FILES.items()}
    for name, sections in SECTIONS.items():
        path = ROOT / name
        files[path] = filled(path.read_text(), sections)
    return files


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if stale")
    only_check = parser.parse_args().check
    # Times on the recorded screens must not depend on who generates.
    os.environ["TZ"] = "UTC"
    time.tzset()
    stale = {
        path: text
        for path, text in generated().items()
        if not path.exists() or path.read_text() != text
    }
    for path, text in stale.items():
        sys.stdout.write(f"{'stale' if only_check else 'wrote'}: {path.relative_to(ROOT)}\n")
        if not only_check:
            path.write_text(text)
    if stale and only_check:
        sys.stdout.write("make docs writes them anew\n")
    return 1 if stale and only_check else 0


if __name__ == "__main__":
    sys.exit(main())
