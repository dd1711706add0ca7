"""The guards of a switch: whatever dies at whatever moment, the address has one holder in the end.

Two real guards with their files, in a small world: who holds the address, and what the mover
managed to do before something died.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

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

    def at(self, place: str) -> str:
        return str(self.folder / place)

    def post(self, place: str) -> None:
        """As the step does it."""
        (self.folder / place).mkdir(exist_ok=True)
        (self.folder / place / "state").write_text("armed\n")
        if place == "target":
            (self.folder / place / "contested").touch()
        self.watches[place] = Watch(self, place)

    def say(self, place: str, word: str) -> None:
        assert guard.say(word, self.at(place)) == 0

    def state(self, place: str) -> str:
        return guard.get(f"{self.at(place)}/state")

    def reboot(self, place: str) -> None:
        """What only the kernel knew is gone, what is on disk comes back."""
        if place == "target":
            if self.state(place) not in ("confirmed", ""):
                self.durable[place] = False
            self.served[place] = False
        self.holds[place] = self.durable[place]
        if place == "source":
            self.served[place] = not self.masked
        if place in self.watches:
            self.watches[place] = Watch(self, place)

    def pass_second(self) -> None:
        self.now += 1
        for watch in list(self.watches.values()):
            watch.tick()
            assert self.alone(), "two machines hold the address"

    def alone(self) -> bool:
        """Whether people reach at most one."""
        return sum(held and place not in self.cut for place, held in self.holds.items()) < 2


class Watch(guard.Watch):
    """A guard whose scripts act on the world."""

    def __init__(self, world: World, place: str) -> None:
        self.world, self.place = world, place
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
        back = self.place == "source"
        world.holds[self.place] = world.durable[self.place] = back
        world.served[self.place] = back
        world.masked = world.masked and not back
        return True

    def hears(self, place: str) -> bool:
        """Whether that machine holds the address and answers for it."""
        return self.world.holds[place] and not self.world.cut


def _release(world: World) -> None:
    world.holds["source"] = False


def _release_for_good(world: World) -> None:
    world.durable["source"] = False


def _take(world: World) -> None:
    world.holds["target"] = True


def _take_for_good(world: World) -> None:
    world.durable["target"] = True


def _stop(world: World) -> None:
    world.served["source"] = False


def _mask(world: World) -> None:
    world.masked = True


def _open(world: World) -> None:
    world.served["target"] = True


def _renew(world: World) -> None:
    world.say("source", "renew")
    world.say("target", "renew")


Act = Callable[[World], None]
MOVES: tuple[tuple[str, Act], ...] = (
    ("post source", lambda world: world.post("source")),
    ("post target", lambda world: world.post("target")),
    ("stop", _stop),
    ("mask", _mask),
    ("release", _release),
    ("release for good", _release_for_good),
    ("take", _take),
    ("renew", _renew),
    ("take for good", _take_for_good),
    ("commit", lambda world: world.say("target", "commit")),
    ("confirm source", lambda world: world.say("source", "confirm")),
    ("confirm target", lambda world: world.say("target", "confirm")),
    ("open", _open),
)
"""The switch as the steps make it."""
NAMES = [name for name, _ in MOVES]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    one = World(tmp_path)
    monkeypatch.setattr(guard, "uptime", lambda: one.now)
    monkeypatch.setattr("os.fsync", lambda file: None)
    return one


def _until(world: World, moment: int) -> None:
    """The mover's moves before the one of that number, a second each."""
    for _, act in MOVES[:moment]:
        act(world)
        if {"source", "target"} <= world.watches.keys() and world.state("target") != "confirmed":
            _renew(world)
        world.pass_second()


def _yields(world: World) -> None:
    """The cable is in again: the target hears as soon as it looks that it isn't alone."""
    world.cut.clear()
    for _ in range(guard.LOOK_TICKS):
        for watch in world.watches.values():
            watch.tick()


def _wait(world: World, seconds: int = LONG) -> None:
    for _ in range(seconds):
        world.pass_second()


def _confirmed(world: World) -> bool:
    return world.state("source") == "confirmed"


def _sound(world: World, moment: int) -> None:
    """One holder; where the source was still watched over, it is the one, and it serves."""
    assert sum(world.holds.values()) == 1, f"{world.holds} after {NAMES[:moment]}"
    committing = moment > NAMES.index("commit")
    if not committing and moment > 0:
        assert world.holds["source"]
        assert world.served["source"] or "source" not in world.watches
        assert not world.masked
    if world.served["target"]:
        assert world.holds["target"]
        assert _confirmed(world)


@pytest.mark.parametrize("moment", range(len(MOVES) + 1))
@pytest.mark.parametrize("restarted", [(), ("source",), ("target",), ("source", "target")])
@pytest.mark.parametrize("later", [0, 4, 9, 20])
def test_the_mover_dies(world: World, moment: int, restarted: tuple[str, ...], later: int) -> None:
    """Or loses the line, which is the same to the guards; then machines are restarted, too."""
    _until(world, moment)
    _wait(world, later)
    for place in restarted:
        world.reboot(place)
        assert not all(world.holds.values())
        world.pass_second()
    _wait(world)
    _sound(world, moment)


@pytest.mark.parametrize("moment", range(len(MOVES) + 1))
def test_each_machine_is_restarted_again_and_again(world: World, moment: int) -> None:
    _until(world, moment)
    for pause, place in zip((1, 3, 5, 8, 13, 2), itertools.cycle(("source", "target"))):
        world.reboot(place)
        _wait(world, pause)
    _wait(world)
    _sound(world, moment)


@pytest.mark.parametrize("moment", range(len(MOVES) + 1))
@pytest.mark.parametrize("place", ["source", "target"])
def test_one_of_them_is_cut_off(world: World, moment: int, place: str) -> None:
    """And with it the mover, or its way to the source. Then the cable is put in again."""
    _until(world, moment)
    world.cut.add(place)
    _wait(world)
    if place == "source":
        assert not all(world.holds.values())
    else:
        # The source may have taken what it couldn't hear the target hold.
        _yields(world)
    world.cut.clear()
    _wait(world)
    _sound(world, moment)


def test_a_way_back_that_fails_is_taken_again_until_it_succeeds(world: World) -> None:
    world.post("source")
    _stop(world)
    _mask(world)
    world.failing = 9
    _wait(world, 400)
    assert world.state("source") == "returned"
    assert world.served["source"]
    assert len(world.tried) == 10
    pauses = [later - earlier for earlier, later in itertools.pairwise(world.tried)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == guard.MOST_TICKS


def test_while_it_fails_it_isnt_told_to_be_back(world: World) -> None:
    world.post("source")
    world.failing = LONG
    _wait(world)
    assert world.state("source") == "returning"


def test_while_words_come_nothing_goes_back(world: World) -> None:
    _until(world, NAMES.index("commit"))
    for _ in range(LONG):
        _renew(world)
        world.pass_second()
    assert (world.state("source"), world.state("target")) == ("armed", "armed")
    assert world.holds == {"source": False, "target": True}


def test_a_mover_that_slept_is_told_that_it_is_too_late(world: World) -> None:
    _until(world, NAMES.index("commit"))
    _wait(world)
    for place, word in (("source", "renew"), ("target", "commit"), ("source", "confirm")):
        assert guard.say(word, world.at(place)) == guard.GONE


def test_a_source_that_waits_for_the_address_may_be_won_again(world: World) -> None:
    """The target keeps what may have been confirmed: the mover comes back and finishes."""
    _until(world, NAMES.index("confirm source"))
    _wait(world)
    assert world.state("source") == "fired"
    assert world.holds == {"source": False, "target": True}
    world.say("source", "arm")
    for place, word in (("target", "commit"), ("source", "confirm"), ("target", "confirm")):
        world.say(place, word)
    _wait(world)
    assert world.holds == {"source": False, "target": True}


def test_going_back_waits_until_nobody_else_holds_the_address(world: World) -> None:
    for place in ("source", "target"):
        world.post(place)
    _stop(world)
    _release(world)
    _take(world)
    world.watches.pop("target")
    _wait(world)
    assert world.state("source") == "fired"
    world.holds["target"] = False
    world.pass_second()
    assert world.state("source") == "returned"
    assert world.served["source"]


def test_a_machine_that_slept_yields_to_the_one_that_took_its_place(world: World) -> None:
    """Its own time hasn't come, since it didn't run."""
    _until(world, NAMES.index("commit"))
    sleeping = world.watches.pop("target")
    world.holds["target"] = False  # nobody hears it
    _wait(world)
    assert world.holds["source"]
    world.holds["target"] = True
    world.now -= LONG
    sleeping.ticks = 0
    sleeping.tick()
    assert world.holds == {"source": True, "target": False}


def test_going_back_that_was_cut_off_is_made_again(world: World) -> None:
    world.post("source")
    guard.put(f"{world.at('source')}/state", "returning")
    _stop(world)
    world.pass_second()
    assert world.state("source") == "returned"
    assert world.served["source"]


def test_before_the_network_is_up_a_trial_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed: list[list[str]] = []
    monkeypatch.setattr("subprocess.call", lambda argv, **_: typed.append(argv))
    for state, backwards in (("armed", True), ("committing", True), ("confirmed", False)):
        guard.put(str(tmp_path / "state"), state)
        assert guard.main("boot", str(tmp_path)) == 0
        assert typed == ([["sh", str(tmp_path / "back"), "boot"]] if backwards else [])
        typed.clear()


def test_a_word_for_a_machine_without_a_guard_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guard.main("renew", str(tmp_path)) == guard.GONE
    assert "no guard" in capsys.readouterr().err
