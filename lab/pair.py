"""A source and a target side by side on one wire: made, found again, saved, and taken down."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from lab import cgroup, disk, network, places, roots
from lab.machine import Machine
from lab.netconf import Manager
from lab.places import Role
from lab.shell import LabError

KINDS: dict[Role, roots.Kind] = {"source": "server", "target": "target"}


@dataclass(frozen=True)
class Shape:
    """What a pair is made of."""

    source: str = "bullseye"
    target: str = "trixie"
    source_network: Manager = "ifupdown"
    target_network: Manager = "networkd"

    def release(self, role: Role) -> str:
        return self.source if role == "source" else self.target

    def manager(self, role: Role) -> Manager:
        return self.source_network if role == "source" else self.target_network


class Pair:
    """Two machines of one instance; as a context it takes them down at the end."""

    def __init__(self, name: str, shape: Shape | None = None) -> None:
        self.name = places.named(name)
        self.shape = shape or Shape()
        self.source = Machine(name, "source")
        self.target = Machine(name, "target")
        self.machines = (self.source, self.target)

    # --- making and finding

    @classmethod
    def up(
        cls,
        name: str,
        source: str = "bullseye",
        target: str = "trixie",
        source_network: Manager = "ifupdown",
        target_network: Manager = "networkd",
    ) -> Pair:
        """Makes and boots both; a pair of that name that is up already is an error."""
        pair = cls._new(name, Shape(source, target, source_network, target_network))
        try:
            pair._make()
            pair.boot()
        except BaseException:
            pair.down()
            raise
        return pair

    @classmethod
    def from_saved(cls, name: str, tag: str) -> Pair:
        """Makes and boots both from what another pair, or this one, had saved."""
        pair = cls._new(name, _shape(_saved(tag)))
        try:
            pair._copy_disks(_saved(tag))
            pair.boot()
        except BaseException:
            pair.down()
            raise
        return pair

    @classmethod
    def open(cls, name: str) -> Pair:
        """The pair of that name, made earlier, perhaps by another process."""
        return cls(name, _shape(places.instance(name)))

    @classmethod
    def _new(cls, name: str, shape: Shape) -> Pair:
        home = places.instance(name)
        pair = cls(name, shape)
        if any(machine.on() for machine in pair.machines):
            raise LabError(f"{name} is up already: python -m lab down {name}")
        if (network.NAMESPACES / network.namespace(name, "net")).exists() and not home.exists():
            raise LabError(f"{name} belongs to another checkout of the lab")
        pair.down()
        for machine in pair.machines:
            machine.home.mkdir(parents=True)
        _record(home, shape)
        return pair

    def _make(self) -> None:
        with ThreadPoolExecutor() as pool:
            for provided in [pool.submit(self._provide, machine) for machine in self.machines]:
                provided.result()
        disk.work(self.target.image, "identify", self.name)
        disk.wait_released(self.source.image)

    def _provide(self, machine: Machine) -> None:
        roots.provide(self.shape.release(machine.role), KINDS[machine.role], machine.image)

    # --- power

    def boot(self) -> None:
        """Switches both on, with the wire, and waits for both."""
        network.up(self.name)
        for machine in self.machines:
            machine.start()
        for machine in self.machines:
            machine.wait_ready()

    def poweroff(self) -> None:
        for machine in self.machines:
            machine.poweroff()

    def down(self) -> None:
        """Takes all of it away, also what a crashed run left."""
        cgroup.kill(self.name)
        for machine in self.machines:
            machine.destroy()
        network.down(self.name)
        shutil.rmtree(places.instance(self.name), ignore_errors=True)

    def __enter__(self) -> Pair:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()

    # --- keeping

    def save(self, tag: str) -> None:
        """Powers both off in order, keeps their disks under the tag, and boots them again."""
        self.poweroff()
        folder, draft = _saved(tag), places.SAVED / f".{tag}.{os.getpid()}"
        draft.mkdir(parents=True)
        try:
            for machine in self.machines:
                disk.copy(machine.image, draft / f"{machine.role}.img")
            _record(draft, self.shape)
            shutil.rmtree(folder, ignore_errors=True)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        self.boot()

    def load(self, tag: str) -> None:
        """Puts both back to what was saved under the tag, and boots them."""
        self.shape = _shape(_saved(tag))
        for machine in self.machines:
            machine.destroy()
            machine.home.mkdir(parents=True)
        _record(places.instance(self.name), self.shape)
        self._copy_disks(_saved(tag))
        self.boot()

    def _copy_disks(self, folder: Path) -> None:
        for machine in self.machines:
            disk.copy(folder / f"{machine.role}.img", machine.image)


def names() -> list[str]:
    """The instances that were made here and not taken down."""
    return sorted(path.parent.name for path in places.INSTANCES.glob("*/state.json"))


def saved() -> list[str]:
    return sorted(path.parent.name for path in places.SAVED.glob("*/state.json"))


def forget(tag: str) -> None:
    shutil.rmtree(_saved(tag), ignore_errors=True)


def _saved(tag: str) -> Path:
    return places.SAVED / places.named(tag)


def _record(folder: Path, shape: Shape) -> None:
    (folder / "state.json").write_text(json.dumps(asdict(shape), indent=1) + "\n")


def _shape(folder: Path) -> Shape:
    try:
        return Shape(**json.loads((folder / "state.json").read_text()))
    except FileNotFoundError as missing:
        raise LabError(f"there is no {folder.name}: python -m lab list") from missing
