"""The filled pair that is moved again and again; kept for a later run where that is asked for."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import install, places, scene
from lab.bench.page import RESULT
from lab.bench.result import today
from lab.bench.sizes import SIZES, Size, require_disk
from lab.pair import Pair, forget, saved
from lab.scene import Scene
from lab.shell import say


@dataclass(frozen=True)
class Stock:
    """The disks under a tag, the pair that is made of them, and the day on which it was filled."""

    tag: str
    run: Scene
    at: str

    def again(self) -> Scene:
        """Both machines as they were when they had been filled, with the tool of this checkout."""
        pair = self.run.pair
        pair.load(self.tag)
        install.tool(pair.target.root, pair.shape.target)
        for log in self.run.folder.glob("*.jsonl"):
            log.unlink()
        # What was just copied, up to 20 GB, would else be written while something is timed.
        os.sync()
        return self.run


def offered(prog: str, description: str | None) -> argparse.ArgumentParser:
    """The command line of what moves such a pair."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--name", default="bench", help="of the pair of machines")
    parser.add_argument("--keep", action="store_true", help="put the result into docs/, too")
    parser.add_argument(
        "--keep-stock", action="store_true", help="leave the filled disks for the next run"
    )
    return parser


@contextmanager
def provided(name: str, size: Size, *, keep: bool) -> Iterator[Stock]:
    """What an earlier run kept of the same, or filled anew; dropped at the end unless kept."""
    tag = f"{name}{size.name.lower()}"
    note = RESULT / f"{tag}-filled.json"
    known = _known(note, tag, size)
    require_disk(size, size.disk_once() if known else size.disk())
    Pair(name).down()
    try:
        with Pair.from_saved(name, tag) if known else Pair.up(name) as pair:
            kept = known or _fill(pair, tag, size, note)
            say(f"filled on {kept['at']} in {kept['filled']['seconds']:.0f} s")
            yield Stock(tag, Scene(pair, kept["filled"]), kept["at"])
    finally:
        if not keep:
            forget(tag)
            note.unlink(missing_ok=True)


def _known(note: Path, tag: str, size: Size) -> dict[str, Any] | None:
    """What was noted of disks that are there, and were filled with just this."""
    if tag not in saved() or not note.exists():
        return None
    kept: dict[str, Any] = json.loads(note.read_text())
    return kept if kept["made of"] == _made_of(size) else None


def _fill(pair: Pair, tag: str, size: Size, note: Path) -> dict[str, Any]:
    note.unlink(missing_ok=True)
    filled = scene.build(pair, partitions="full", **size.wanted()).filled
    pair.save(tag)
    at = today()
    kept = {"made of": _made_of(size), "at": at, "filled": filled}
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(kept))
    return kept


def _made_of(size: Size) -> str:
    """What is filled, and the stand-in that is filled with it."""
    total = hashlib.sha256(json.dumps(size.wanted()).encode())
    folder = places.CHECKOUT / "lab" / "standin"
    for path in sorted(folder.rglob("*.*")):
        if path.is_file() and "__pycache__" not in path.parts:
            total.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return total.hexdigest()
