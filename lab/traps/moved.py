"""transhume's move on machines with every trap, looked at by the same looks."""

from __future__ import annotations

import json
import re
from pathlib import Path

from lab import network, split_brain
from lab.compare import Side, compare
from lab.machine import Machine
from lab.processes import process_list
from lab.scene import Scene
from lab.shell import LabError, wait_until
from lab.traffic import start_prober
from lab.traps import looks, plant
from lab.traps.before import Before, rows
from lab.traps.trap import Run, Told, gone

_SETTINGS = "/etc/transhume/move.toml"
_BLOCKED = 10


def walk(scene: Scene, folder: Path) -> tuple[Run, Told]:
    """Check, mend what it asks for, move with the source's address taken, and look."""
    pair = scene.pair
    marker = plant.plant(pair)
    scene.begin()
    told = _told(scene)
    _mend(scene)
    before = Before(pair)
    reference = looks.reference(pair.source)
    run = Run()
    with start_prober(pair.name, folder / "moved.jsonl") as prober:
        _move(scene, reference, run)
    run.noted["early"] = looks.early(prober.path)
    run.differences = compare(reference, pair.target).differences
    run.noted["held"] = looks.held(pair.target, marker)
    # Until then PostgreSQL has settings of its own for the way back.
    scene.transhume("finish", "--unproved")
    _look_after(scene, before, run)
    return run, told


def walk_at_its_own_address(scene: Scene) -> tuple[Run, Told]:
    """The same, with the target reached by its own address in the end."""
    pair = scene.pair
    plant.plant(pair)
    scene.begin()
    how = f's/^how = .*/how = "none"\\nbecomes = "{network.TARGET.ipv4}"/'
    trees = f's#^trees = .*#trees = ["{plant.BACKUPS}"]#'
    pair.target.exec(("sed", "-i", "-E", f"{how};{trees}", _SETTINGS))
    told = _told(scene)
    _mend(scene)
    before = split_brain.driven(pair.source)
    scene.transhume("sync")
    scene.transhume("cutover", "--yes")
    scene.transhume("finish", "--unproved")
    pair.source.exec(("bmctl", "start"), check=False)
    run = Run()
    run.noted["driven"] = _driven(pair.source, before)
    run.noted["places"] = looks.places(pair.target, network.SERVICE.ipv4)
    return run, told


def _told(scene: Scene) -> Told:
    said = scene.pair.target.exec(("transhume", "check", "--json"), check=False)
    if said.returncode != _BLOCKED:
        raise LabError(f"check ended with {said.returncode}, not {_BLOCKED}: {said.stderr}")
    findings = json.loads(said.stdout)["findings"]
    return Told({each["key"]: each["severity"] for each in findings})


def _mend(scene: Scene) -> None:
    """What the remedies say; then nothing may block any more."""
    plant.end_the_backup(scene.pair.source)
    plant.bring_legacy_zones(scene.pair)
    scene.transhume("check")


def _move(scene: Scene, reference: Side, run: Run) -> None:
    source, target = scene.pair.machines
    scene.transhume("sync")
    began = looks.now(target)
    secret = _password(source)
    with process_list(source) as there, process_list(target) as here:
        scene.transhume("cutover", "--yes")
    run.noted["process list"] = [line for line in there + here if secret in line]
    run.noted["outage"] = looks.bodies_since(target, began, reference)
    run.noted["dumps"] = looks.dumps(target)
    run.noted["maps"] = _old(looks.written(target), began)
    lost = looks.rows_lost(reference, target)
    rows(lost, run)
    # It ended with 0: were a row missing, its status would have said what isn't so.
    run.noted["session"] = run.noted["password"] = run.noted["status"] = lost
    run.noted["indexed"] = sorted({*looks.indexes(source)} & {*looks.indexes(target)})


def _password(machine: Machine) -> str:
    found = re.search(r"(?m)^password = (\S+)$", machine.exec(("cat", "/etc/bm/bm.ini")).stdout)
    if found is None or len(found[1]) < 8:
        raise LabError(f"{machine}: there is no password that a look could find")
    return found[1]


def _old(written: dict[str, str], began: str) -> list[str]:
    return [f"{path}: not written" for path, moment in written.items() if moment < began]


def _look_after(scene: Scene, before: Before, run: Run) -> None:
    source, target = scene.pair.machines
    run.noted["firewall"] = gone(before.firewall, looks.firewall(target))
    source.reboot()
    before.look_after(scene.pair, run)


def _driven(source: Machine, before: int) -> list[str]:
    """A core asks its node every five seconds: two of these are waited for."""
    asked = looks.now(source)

    def passed() -> bool:
        return float(looks.now(source)) > float(asked) + 11

    wait_until(passed, "two turns of the core's watch", 60)
    return split_brain.told(split_brain.driven(source) - before)
