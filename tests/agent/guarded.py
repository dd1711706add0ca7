"""Two real guards with their files, in a small world: who holds the address, and who serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from transhume.agent import guard

LIMIT = {"source": 12.0, "target": 6.0}
LONG = 40
OTHER = {"source": "target", "target": "source"}


@dataclass
class World:
    """Two machines and their clock; everything is in seconds."""

    folder: Path
    now: float = 0.0
    holds: dict[str, bool] = field(default_factory=lambda: {"source": True, "target": False})
    durable: dict[str, bool] = field(default_factory=lambda: {"source": True, "target": False})
    served: dict[str, bool] = field(default_factory=lambda: {"source": True, "target": False})
    masked: bool = False
    cut: set[str] = field(default_factory=set)
    """The machines whose cable is out."""
    failing: int = 0
    """So many times the way back doesn't succeed."""
    tried: list[float] = field(default_factory=list)
    watches: dict[str, Watch] = field(default_factory=dict)
    closed: bool = True
    """Whether the target's door is closed and its services masked, for good."""
    boots: bool = False
    """Whether the target's guard is asked before the network is up."""

    def at(self, place: str) -> str:
        return str(self.folder / place)

    def post(self, place: str, word: str = "armed", back: Act | None = None) -> None:
        """As the steps do it; without other orders a guard sees to the address."""
        (self.folder / place).mkdir(exist_ok=True)
        (self.folder / place / "state").write_text(f"{word}\n")
        if place == "target":
            self.boots = back is None
            if self.boots:
                (self.folder / place / "contested").touch()
        self.watches[place] = Watch(self, place, back or DUTY[place])

    def remove(self, place: str) -> None:
        """No guard is there any more."""
        (self.folder / place / "state").unlink(missing_ok=True)
        self.watches.pop(place, None)

    def say(self, place: str, word: str) -> None:
        assert guard.say(word, self.at(place)) == 0

    def state(self, place: str) -> str:
        return guard.get(f"{self.at(place)}/state")

    def reboot(self, place: str) -> None:
        """What only the kernel knew is gone, what is on disk comes back."""
        if place == "target":
            if self.boots and self.state(place) not in ("confirmed", ""):
                self.durable[place] = False
            self.served[place] = not self.closed
        self.holds[place] = self.durable[place]
        if place == "source":
            self.served[place] = not self.masked
        if place in self.watches:
            self.watches[place] = Watch(self, place, self.watches[place].back)

    def pass_second(self) -> None:
        self.now += 1
        for watch in list(self.watches.values()):
            watch.tick()
            assert self.alone(), "two machines hold the address"

    def alone(self) -> bool:
        """Whether people reach at most one."""
        return sum(held and place not in self.cut for place, held in self.holds.items()) < 2

    def mend(self) -> None:
        """The cable is in again: the target hears as soon as it looks that it isn't alone."""
        self.cut.clear()
        for _ in range(guard.LOOK_TICKS):
            for watch in self.watches.values():
                watch.tick()

    def wait(self, seconds: int = LONG) -> None:
        """Nobody does anything but the guards."""
        for _ in range(seconds):
            self.pass_second()


class Watch(guard.Watch):
    """A guard whose scripts act on the world."""

    def __init__(self, world: World, place: str, back: Act) -> None:
        self.world, self.place, self.back = world, place, back
        super().__init__(world.at(place), LIMIT[place])

    def run(self, script: str) -> bool:
        world = self.world
        if script == "free":
            # As the script has it: who is cut off hears nobody, and knows that.
            cut = "source" in world.cut
            return self.place == "target" or not (cut or self.hears("target"))
        if script == "contested":
            return world.holds[self.place] and self.hears(OTHER[self.place])
        if script == "forth":
            if self.hears("source"):
                return False
            world.holds["target"] = world.durable["target"] = True
            return True
        world.tried.append(world.now)
        if world.failing:
            world.failing -= 1
            return False
        self.back(world)
        return True

    def hears(self, place: str) -> bool:
        """Whether that machine holds the address and answers for it."""
        return self.world.holds[place] and not self.world.cut


Act = Callable[[World], None]


def _take_back(world: World) -> None:
    world.holds["source"] = world.durable["source"] = world.served["source"] = True
    world.masked = False


def _give_up(world: World) -> None:
    world.holds["target"] = world.durable["target"] = world.served["target"] = False


DUTY: dict[str, Act] = {"source": _take_back, "target": _give_up}
"""The ways back of the address on each machine."""
