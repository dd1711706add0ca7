"""Measures what following costs the source: python -m lab.bench.tracking S|M|L.

The same mail is delivered at full speed while nothing is followed and while the trees are, in
turn; then while everything is, the databases too. Medians go to build/bench/tracking-SIZE.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab import network, scene
from lab.bench import tracking_page
from lab.bench.__main__ import machine
from lab.bench.result import today
from lab.bench.sizes import SIZES, Size, require_disk
from lab.bench.spent import processor
from lab.compare.databases import MAIL
from lab.machine import Machine
from lab.pair import Pair
from lab.scene import SOURCE, Scene
from lab.shell import LabError, say
from transhume.profiles.bluemind.layout import load

UNIT = "transhume-tracker.service"
WAYS = ("nothing", "trees")
# One session that asks twice a second: it must not be what is measured.
_STORED = """
set statement_timeout = '300s';
do $$
begin
    while (select count(*) from t_message_body where message_id like '<{name}-%') < {number} loop
        perform pg_sleep(0.5);
    end loop;
end $$;
select extract(epoch from max(created)) from t_message_body where message_id like '<{name}-%';
"""
_MEMORY = "grep VmHWM /proc/$(systemctl show -P MainPID transhume-tracker)/status"
_CPU = f"systemctl show -P CPUUsageNSec {UNIT}"


@dataclass(frozen=True)
class Delivered:
    """One run: what was followed, deliveries per second until the last was stored, milliseconds of
    the source's processor for each, the tracker's largest memory in MiB and its seconds."""

    following: str
    per_second: float
    each: float
    memory: float = 0.0
    tracker: float = 0.0


def delivered(run: Scene, number: int, following: str) -> Delivered:
    """Send so many messages at once, and see when the last one is stored."""
    name = uuid.uuid4().hex[:12]
    people = run.folder / "people"
    people.write_text("\n".join(run.filled["addresses"]))
    source, tracked = run.pair.source, following != "nothing"
    before, spent = processor(source), _tracker(source) if tracked else 0.0
    words = (network.SERVICE.ipv4, str(number), name, str(people))
    argv = (sys.executable, "-m", "lab.bench.deliver", *words)
    printed = network.run_in(run.pair.name, "net", argv).stdout
    told = json.loads(printed)
    if told["accepted"] != number:
        raise LabError(f"only {told['accepted']} of {number} messages were accepted")
    rate = round(number / (_stored(source, name, number) - told["begun"]), 2)
    each = round((processor(source) - before) / number * 1000, 3)
    say(f"following {following}: {rate} deliveries per second, {each} ms of processor each")
    if not tracked:
        return Delivered(following, rate, each)
    return Delivered(following, rate, each, _memory(source), round(_tracker(source) - spent, 2))


def _stored(source: Machine, name: str, number: int) -> float:
    """When the last of them was stored, in seconds since the epoch."""
    words = ("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", MAIL)
    script = _STORED.format(name=name, number=number)
    return float(source.exec(("runuser", "-u", "postgres", "--", *words), script).stdout)


def _memory(source: Machine) -> float:
    return round(int(source.exec(("sh", "-c", _MEMORY)).stdout.split()[1]) / 1024, 1)


def _tracker(source: Machine) -> float:
    return int(source.exec(("sh", "-c", _CPU)).stdout) / 1e9


def _follow(run: Scene) -> None:
    """Start the tracker as `sync` does."""
    key = run.pair.source.exec(("cat", "/etc/ssh/ssh_host_ed25519_key.pub")).stdout.split()[:2]
    program = run.pair.target.root / "root" / "follow.py"
    program.write_text((Path(__file__).parent / "follow.py").read_text())
    trees = [tree.path for tree in load("bluemind-5").tree]
    words = ("/opt/transhume/bin/python", "/root/follow.py", SOURCE, " ".join(key), *trees)
    run.pair.target.exec(words)


def _let_go(run: Scene) -> None:
    run.pair.source.exec(("systemctl", "stop", UNIT), check=False)


STATES: dict[str, Callable[[Scene], None]] = {"nothing": _let_go, "trees": _follow}


def runs(run: Scene, rounds: int, number: int) -> Iterator[Delivered]:
    """One way after the other, so that what disturbs one disturbs the other alike."""
    delivered(run, number, "nothing")  # So that none of them is the first.
    for each in range(rounds):
        for following in WAYS if each % 2 == 0 else reversed(WAYS):
            STATES[following](run)
            yield delivered(run, number, following)
    _let_go(run)
    run.begin()
    run.transhume("sync")
    for _ in range(rounds):
        yield delivered(run, number, "everything")


def summary(done: Sequence[Delivered]) -> dict[str, Any]:
    """Medians, how much less is delivered than with nothing followed, and the tracker's most."""
    ways = dict.fromkeys(each.following for each in done)
    by_way = {name: [each for each in done if each.following == name] for name in ways}
    rates = {name: _middle(each.per_second for each in by_way[name]) for name in ways}
    spent = {name: _middle(each.each for each in by_way[name]) for name in ways}
    followed = [name for name in ways if name != "nothing"]
    return {
        "deliveries_per_second": rates,
        "percent_less": {name: _percent(rates["nothing"], rates[name]) for name in followed},
        "processor_ms": spent,
        "percent_more": {name: -_percent(spent["nothing"], spent[name]) for name in followed},
        "tracker_seconds": {
            name: _middle(run.tracker for run in by_way[name]) for name in followed
        },
        "tracker_mib": max(each.memory for each in done),
        "runs": [asdict(each) for each in done],
    }


def _percent(whole: float, part: float) -> float:
    """How much less the part is."""
    return round(100 * (1 - part / whole), 1)


def _middle(values: Iterable[float]) -> float:
    return round(statistics.median(values), 2)


def bench(size: Size, rounds: int, number: int, name: str) -> dict[str, Any]:
    """One pair, filled once."""
    found = {"size": size.name, "at": today()}
    on = machine()
    with Pair.up(name) as pair:
        stock = scene.build(pair, partitions="full", **size.wanted())
        done = list(runs(stock, rounds, number))
    command = f"python -m lab.bench.tracking {size.name} --rounds {rounds} --number {number}"
    shape = {"command": command, "rounds": rounds, "messages": number, "machine": on}
    return {**found, **shape, **summary(done)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.bench.tracking", description=__doc__)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--rounds", type=int, default=5, help="runs each")
    parser.add_argument("--number", type=int, default=2000, help="messages of a run")
    parser.add_argument("--name", default="tracking", help="of the pair of machines")
    parser.add_argument("--keep", action="store_true", help="put the result into docs/, too")
    wanted = parser.parse_args()
    try:
        size = SIZES[wanted.size]
        require_disk(size, size.disk_once())
        result = bench(size, wanted.rounds, wanted.number, wanted.name)
    except LabError as error:
        say(f"bench: {error}")
        return 1
    path = tracking_page.SECTION.write(wanted.size, result, keep=wanted.keep)
    sys.stdout.write("\n".join([*tracking_page.table(result), "", f"result: {path}", ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
