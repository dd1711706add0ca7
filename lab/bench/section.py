"""A part of docs/benchmarks.md that is made anew from the results kept beside the page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.bench.page import DOCS, KEPT, RESULT


@dataclass(frozen=True)
class Section:
    """What stands between two marks: `lines` makes it of one result; the results' files are named
    after the `program` that wrote them, with the size."""

    program: str
    lines: Callable[[Mapping[str, Any]], Iterator[str]]

    @property
    def begin(self) -> str:
        """The mark before it."""
        return f"<!-- begin {self.program}: written by lab/bench/{self.program}.py -->"

    @property
    def end(self) -> str:
        """The mark after it."""
        return f"<!-- end {self.program} -->"

    def write(self, size: str, result: Mapping[str, Any], *, keep: bool) -> Path:
        """The result's file in build/bench/, and with `keep` the page from it."""
        RESULT.mkdir(parents=True, exist_ok=True)
        path = RESULT / f"{self.program}-{size}.json"
        path.write_text(json.dumps(result, indent=1) + "\n")
        if keep:
            self.keep(path)
        return path

    def keep(self, result: Path) -> None:
        """Put a result beside the page, and all that is kept into it."""
        KEPT.mkdir(parents=True, exist_ok=True)
        shutil.copy(result, KEPT)
        page = DOCS / "benchmarks.md"
        page.write_text(self.filled_in(page.read_text(), self.kept()))

    def kept(self) -> list[dict[str, Any]]:
        """The results that were kept, by their names."""
        return [json.loads(path.read_text()) for path in sorted(KEPT.glob(f"{self.program}-*"))]

    def filled_in(self, page: str, results: Sequence[Mapping[str, Any]]) -> str:
        """The page with what stands between the two marks made anew."""
        head, _, rest = page.partition(self.begin)
        tail = rest.partition(self.end)[2]
        lines = [line for result in results for line in ("", *self.lines(result))]
        return f"{head}{chr(10).join((self.begin, *lines, '', self.end))}{tail}"
