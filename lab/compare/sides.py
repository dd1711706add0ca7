"""Looks at each side, then lists all that is not the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lab.compare import databases, mail, maps, queue, trees
from lab.compare.databases import GROWING, Rows
from lab.compare.result import EXPECTED, Comparison
from lab.compare.trees import Tree
from lab.machine import Machine
from lab.traffic import Accepted, deliver_one
from lab.traffic import accepted as read_accepted

_SETTLE = 60.0


@dataclass(frozen=True)
class Side:
    """All that is known of one server at one moment."""

    horizon: str
    data: Tree
    configuration: Tree
    cluster: dict[str, str]
    objects: dict[str, dict[str, str]]
    sequences: dict[str, dict[str, int]]
    rows: dict[str, dict[str, Rows]]
    maps: dict[str, maps.Table]
    queue: list[str]

    def save(self, path: Path) -> None:
        """Keep what was seen, for a source that will have changed by the time one compares."""
        path.write_text(json.dumps(_plain(self)))

    @classmethod
    def load(cls, path: Path) -> Side:
        known = json.loads(path.read_text())
        known["rows"] = {
            database: {table: Rows(*pair) for table, pair in tables.items()}
            for database, tables in known["rows"].items()
        }
        return cls(**known)


def _plain(side: Side) -> dict[str, Any]:
    known = dict(vars(side))
    known["rows"] = {
        database: {table: (each.count, each.digest) for table, each in tables.items()}
        for database, tables in side.rows.items()
    }
    return known


def observe(machine: Machine, horizon: str | None = None) -> Side:
    """Look at a server; with a horizon, leave out rows that are newer."""
    with databases.answering(machine):
        until = horizon or databases.horizon(machine)
        named = databases.names(machine)
        return Side(
            horizon=until,
            data=trees.describe(machine, trees.DATA),
            configuration=trees.describe(machine, trees.CONFIGURATION),
            cluster=databases.cluster(machine),
            objects={name: databases.objects(machine, name) for name in named},
            sequences={name: databases.sequences(machine, name) for name in named},
            rows={name: databases.rows(machine, name, until) for name in named},
            maps=maps.texts(machine),
            queue=queue.stuck(machine),
        )


def compare(
    reference: Machine | Side,
    copy: Machine,
    *,
    log: Path | None = None,
    probe_to: str | None = None,
    expected: Sequence[str] = EXPECTED,
) -> Comparison:
    """Compare a copy with what it should equal; mail that the copy got since then is left out.

    `log` is a sender's log: each message accepted must be on the copy. `probe_to` is an address
    that one more message is sent to, from outside, to see it arrive.
    """
    wanted = reference if isinstance(reference, Side) else observe(reference)
    result = Comparison()
    with databases.answering(copy):
        found = observe(copy, wanted.horizon)
        for difference in _all(wanted, found, copy, result, log, probe_to):
            result.add(difference, expected)
    return result


def _all(
    wanted: Side,
    found: Side,
    copy: Machine,
    result: Comparison,
    log: Path | None,
    probe_to: str | None,
) -> Iterator[str]:
    yield from tree_differences(wanted, found, mail.new_bodies(copy, wanted.horizon), result)
    yield from database_differences(wanted, found, result)
    for name in maps.NAMES:
        if wanted.maps[name] != found.maps[name]:
            yield f"map {name}-flat: not the same entries"
    yield from (f"map {wrong}" for wrong in maps.wrong(copy, found.maps))
    yield from queue_differences(wanted, found)
    broken = mail.broken_bodies(copy)
    yield from (f"body {name}: {what}" for name, what in sorted(broken.items()))
    if log:
        yield from _accepted(copy, log, result)
    if probe_to and not _arrives(copy, probe_to):
        yield f"delivery to {probe_to}: nothing arrived"


def tree_differences(
    wanted: Side, found: Side, fresh: set[str], result: Comparison
) -> Iterator[str]:
    moment = datetime.fromisoformat(wanted.horizon).replace(tzinfo=timezone.utc).timestamp()
    result.counts["paths"] = len(wanted.data) + len(wanted.configuration)
    unlike = list(trees.unlike(wanted.data, found.data, times=True, after=moment))
    left = trees.without_arrived(unlike, fresh)
    result.counts["bodies arrived since"] = len(unlike) - len(left)
    left += trees.unlike(wanted.configuration, found.configuration, times=False, after=None)
    yield from (f"tree {each.path}: {each.what}" for each in left)


def queue_differences(wanted: Side, found: Side) -> Iterator[str]:
    left = Counter(wanted.queue) - Counter(found.queue)
    yield from (f"queue {entry}: missing" for entry in left.elements())


def database_differences(wanted: Side, found: Side, result: Comparison) -> Iterator[str]:
    yield from _unlike("cluster", wanted.cluster, found.cluster)
    for name in wanted.objects:
        if name not in found.objects:
            continue
        yield from _unlike(f"object {name}", wanted.objects[name], found.objects[name])
        yield from _sequences(name, wanted.sequences[name], found.sequences[name])
        yield from _rows(name, wanted.rows[name], found.rows[name])
    result.counts["rows"] = sum(r.count for tables in wanted.rows.values() for r in tables.values())
    result.counts["objects"] = sum(len(each) for each in wanted.objects.values())


def _unlike(label: str, wanted: dict[str, str], found: dict[str, str]) -> Iterator[str]:
    for key in sorted(wanted.keys() | found.keys()):
        if wanted.get(key) != found.get(key):
            yield f"{label} {key}: {wanted.get(key)!r} became {found.get(key)!r}"


def _sequences(name: str, wanted: dict[str, int], found: dict[str, int]) -> Iterator[str]:
    """A sequence may be ahead, it never may fall behind: numbers would be given out twice."""
    for key, value in wanted.items():
        if found.get(key, -1) < value:
            yield f"sequence {name} {key}: {value} became {found.get(key)}"


def _rows(name: str, wanted: dict[str, Rows], found: dict[str, Rows]) -> Iterator[str]:
    for table, rows in wanted.items():
        other = found.get(table)
        if other is None:
            yield f"rows {name} {table}: no such table"
        elif other.count < rows.count or (other.count > rows.count and table not in GROWING):
            yield f"rows {name} {table}: {rows.count} became {other.count}"
        elif rows.digest != other.digest and table not in GROWING:
            yield f"rows {name} {table}: other content"


def _accepted(copy: Machine, log: Path, result: Comparison) -> Iterator[str]:
    fate = mail.settled(copy, read_accepted(log), _SETTLE)
    result.counts["accepted"] = fate.accepted
    result.counts["doubled rightly"] = len(fate.doubled_rightly)
    for what in ("missing", "doubled", "misdelivered"):
        yield from (f"message {marker}: {what}" for marker in getattr(fate, what))


def _arrives(copy: Machine, address: str) -> bool:
    marker = deliver_one(copy.name, address)
    if marker is None:
        return False
    sent = [Accepted(marker, address, 0.0, False)]
    return not mail.settled(copy, sent, _SETTLE).missing
