"""The pair that every cell begins from: filled, kept before the first sync and after it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from lab import journal, places, scene
from lab.compare import Side, observe
from lab.faults.phases import Changes, beside, by_phase
from lab.pair import Pair, saved
from lab.scene import Scene
from lab.shell import say
from lab.split_brain import let_in
from lab.standing import Standing, looked, standing

FOLDER = places.CHECKOUT / "build" / "faults"
SMALL: dict[str, Any] = {"messages": 300, "files": 40, "median_size": 4000}
_SIDE = "side.json"


@dataclass(frozen=True)
class Stock:
    """The machines, how the source stood at first, and what an undisturbed move made of both."""

    pair: Pair
    filled: dict[str, Any]
    before: Standing
    side: Side
    changes: Changes
    beside: frozenset[str] = frozenset()
    """The changes of steps that went on beside others."""
    after: Mapping[str, Standing] = field(default_factory=dict)
    """How each machine stood after `finish`; empty: not known."""

    kept: str = ""
    """The pair whose disks were saved."""

    def again(self, *, hot: bool) -> Scene:
        """Both machines before their first sync, or after it, and no earlier log."""
        self.pair.load(_tag(self.kept, hot=hot))
        run = Scene(self.pair, self.filled)
        for log in run.folder.glob("*.jsonl"):
            log.unlink()
        return run

    @cached_property
    def last(self) -> str:
        """The last change from which a rollback leads back to the source as it was."""
        return self.changes["frozen"][-1]


def provide(name: str) -> Stock:
    """What was made of the checkout as it is now, or made anew."""
    known, mark = FOLDER / "stock.json", fingerprint()
    tags = {_tag(name, hot=hot) for hot in (False, True)}
    if known.exists() and tags <= set(saved()):
        kept = json.loads(known.read_text())
        if kept["made of"] == mark:
            return _unpacked(_paired(name, name), kept)
    stock = _make(name)
    stock.side.save(FOLDER / _SIDE)
    known.write_text(json.dumps({"made of": mark, **_packed(stock)}))
    return stock


def _packed(stock: Stock) -> dict[str, Any]:
    return {
        "filled": stock.filled,
        "before": stock.before.seen,
        "changes": stock.changes,
        "beside": sorted(stock.beside),
        "after": {role: each.seen for role, each in stock.after.items()},
    }


def _unpacked(pair: Pair, kept: dict[str, Any]) -> Stock:
    after = {role: Standing(seen) for role, seen in kept["after"].items()}
    return Stock(
        pair,
        kept["filled"],
        Standing(kept["before"]),
        Side.load(FOLDER / _SIDE),
        kept["changes"],
        frozenset(kept["beside"]),
        after,
        pair.name,
    )


def another(stock: Stock, number: int) -> Stock:
    """The same on a pair of its own."""
    return replace(stock, pair=_paired(f"{stock.kept}{number}", stock.kept))


def _paired(name: str, kept: str) -> Pair:
    Pair(name).down()
    return Pair.from_saved(name, _tag(kept, hot=False))


def fingerprint() -> str:
    """What the tool and the machines that it moves are made of."""
    total = hashlib.sha256()
    for folder in ("src", "lab/standin"):
        for path in sorted((places.CHECKOUT / folder).rglob("*.*")):
            if path.is_file() and "__pycache__" not in path.parts:
                name = path.relative_to(places.CHECKOUT)
                total.update(f"{name}\n".encode() + path.read_bytes())
    return total.hexdigest()


def _tag(name: str, *, hot: bool) -> str:
    return f"{name}{'hot' if hot else 'new'}"


def _make(name: str) -> Stock:
    FOLDER.mkdir(parents=True, exist_ok=True)
    Pair(name).down()
    pair = Pair.up(name)
    try:
        run = scene.build(pair, partitions="small", **SMALL)
        stock = shelved(run)
        say("moving once undisturbed, to know every change and its end")
        with run.traffic(rate=2.0):
            run.transhume("cutover", "--yes")
            run.transhume("verify")
            run.transhume("finish")
        events = list(journal.events(run))
        after = {"source": looked(pair.source), "target": standing(pair.target)}
        known = replace(stock, changes=by_phase(events), beside=frozenset(beside(events)))
        return replace(known, after=after)
    except BaseException:
        pair.down()
        raise


def shelved(run: Scene) -> Stock:
    """Keep a filled pair as it is before its first sync, and after it."""
    stock = opened(run)
    stock.pair.save(_tag(stock.pair.name, hot=False))
    run.transhume("sync")
    stock.pair.save(_tag(stock.pair.name, hot=True))
    return stock


def opened(run: Scene) -> Stock:
    """A filled pair on which nothing was begun, and no more known of it than how it stands."""
    # Where the new server's core gets as far as the old one's node.
    let_in(run.pair.source)
    run.begin()
    source = run.pair.source
    return Stock(run.pair, run.filled, standing(source), observe(source), {}, kept=run.pair.name)
