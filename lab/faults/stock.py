"""The pair that every cell begins from: filled, kept before the first sync and after it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from lab import journal, places, scene
from lab.compare import Side, observe
from lab.pair import Pair, forget, saved
from lab.scene import Scene
from lab.shell import LabError, say
from lab.standing import Standing, standing

FOLDER = places.CHECKOUT / "build" / "faults"
SMALL: dict[str, Any] = {"messages": 300, "files": 40, "median_size": 4000}

Phase = Literal["check", "sync", "before the freeze", "frozen", "after the opening"]
PHASES: tuple[Phase, ...] = get_args(Phase)


@dataclass(frozen=True)
class Stock:
    """The machines, how the source stood at first, and each change of an undisturbed move."""

    pair: Pair
    filled: dict[str, Any]
    before: Standing
    side: Side
    changes: dict[Phase, list[str]]

    def again(self, phase: Phase) -> Scene:
        """Both machines as they were when this phase was about to begin, and no earlier log."""
        self.pair.load(_tag(self.pair.name, hot=phase not in ("check", "sync")))
        run = Scene(self.pair, self.filled)
        for log in run.folder.glob("*.jsonl"):
            log.unlink()
        return run


def provide(name: str) -> Stock:
    """What was made of the checkout as it is now, or made anew."""
    known = FOLDER / "stock.json"
    mark = fingerprint()
    if known.exists() and json.loads(known.read_text())["made of"] == mark:
        kept = json.loads(known.read_text())
        if {_tag(name, hot=True), _tag(name, hot=False)} <= set(saved()):
            Pair(name).down()
            pair = Pair.from_saved(name, _tag(name, hot=False))
            side = Side.load(FOLDER / "side.json")
            return Stock(pair, kept["filled"], Standing(kept["before"]), side, kept["changes"])
    stock = _make(name)
    kept = {"made of": mark, "filled": stock.filled, "before": stock.before.seen}
    stock.side.save(FOLDER / "side.json")
    known.write_text(json.dumps({**kept, "changes": stock.changes}))
    return stock


def fingerprint() -> str:
    """What the tool and the stand-in are made of."""
    total = hashlib.sha256()
    for folder in ("src", "lab/standin"):
        for path in sorted((places.CHECKOUT / folder).rglob("*.*")):
            if path.is_file() and "__pycache__" not in path.parts:
                total.update(f"{path}\n".encode() + path.read_bytes())
    return total.hexdigest()


def _tag(name: str, *, hot: bool) -> str:
    return f"{name}{'hot' if hot else 'new'}"


def _make(name: str) -> Stock:
    FOLDER.mkdir(parents=True, exist_ok=True)
    Pair(name).down()
    pair = Pair.up(name)
    try:
        run = scene.build(pair, partitions="small", **SMALL)
        stock = shelved(run, {})
        say("moving once undisturbed, to know every change")
        with run.traffic(rate=2.0):
            run.transhume("cutover", "--yes")
        return replace(stock, changes=by_phase(journal.events(run)))
    except BaseException:
        pair.down()
        raise


def shelved(run: Scene, changes: dict[Phase, list[str]]) -> Stock:
    """Keep a filled pair as it is before its first sync, and after it."""
    pair = run.pair
    run.begin()
    pair.save(_tag(pair.name, hot=False))
    before, side = standing(pair.source), observe(pair.source)
    run.transhume("sync")
    pair.save(_tag(pair.name, hot=True))
    return Stock(pair, run.filled, before, side, changes)


def drop(name: str) -> None:
    """Keep the disks no longer."""
    for hot in (False, True):
        forget(_tag(name, hot=hot))


def by_phase(events: Iterator[tuple[str, str, bool]]) -> dict[Phase, list[str]]:
    """The changes of a journal, each once, by the phase in which they were begun."""
    found: dict[Phase, list[str]] = {phase: [] for phase in PHASES}
    phase: Phase = "sync"
    for kind, named, final in events:
        if kind == "walk-begun":
            phase = "sync" if named == "sync" else "before the freeze"
        elif kind == "down":
            phase = "frozen"
        else:
            phase = "after the opening" if final else phase
            if named not in found[phase]:
                found[phase].append(named)
    if not all(found[each] for each in PHASES[1:]):
        raise LabError("the undisturbed move didn't come through all its phases")
    return found
