"""The guards of a way back: whoever dies, the one that has all of people's mail serves them."""

from __future__ import annotations

import itertools

import pytest

from tests.agent.guarded import Act, World
from transhume.agent import guard


def _close(world: World) -> None:
    world.served["target"], world.closed = False, True


def _serve_on(world: World) -> None:
    world.served["target"], world.closed = True, False


def _renew(world: World) -> None:
    world.say("source", "renew")
    world.say("target", "renew")


def _keep(place: str, *, durable: bool, holds: bool) -> Act:
    def keep(world: World) -> None:
        world.durable[place], world.holds[place] = durable, holds

    return keep


def _start(world: World) -> None:
    world.served["source"], world.masked = True, False


def _remove(world: World) -> None:
    world.remove("source")
    world.remove("target")


MOVES: tuple[tuple[str, Act], ...] = (
    ("post source", lambda world: world.post("source", "confirmed")),
    ("post target", lambda world: world.post("target", back=_serve_on)),
    ("close", _close),
    ("carry", _renew),
    ("turn", lambda world: world.say("target", "confirm")),
    ("other orders", lambda world: world.post("target", "confirmed")),
    ("commit", lambda world: world.say("target", "commit")),
    ("arm source", lambda world: world.say("source", "arm")),
    ("arm target", lambda world: world.say("target", "arm")),
    ("give up for good", _keep("target", durable=False, holds=True)),
    ("give up", _keep("target", durable=False, holds=False)),
    ("take for good", _keep("source", durable=True, holds=False)),
    ("take", _keep("source", durable=True, holds=True)),
    ("start", _start),
    ("remove", _remove),
)
"""The way back as its steps and the journal make it."""
NAMES = [name for name, _ in MOVES]
_AT = {name: number for number, name in enumerate(NAMES)}


@pytest.fixture
def opened(world: World) -> World:
    """The target serves; the source is fenced and has no guard any more."""
    world.masked = world.served["target"] = True
    world.served["source"] = world.closed = False
    for held in (world.holds, world.durable):
        held.update(source=False, target=True)
    return world


def _until(world: World, moment: int) -> None:
    """The mover's moves before the one of that number, a second each."""
    for number, (_, act) in enumerate(MOVES[:moment]):
        act(world)
        if _AT["post target"] <= number < _AT["turn"]:
            _renew(world)
        _pass(world, 1, number + 1)


def _pass(world: World, seconds: int, moment: int) -> None:
    for _ in range(seconds):
        world.pass_second()
        assert not all(world.served.values())
        # What people wrote there after the turn would be lost.
        assert moment <= _AT["turn"] or not world.served["target"]


def _sound(world: World, moment: int) -> None:
    """Before the turn the target serves, after the arming the source; in between nobody does."""
    serving = [
        place for place in ("source", "target") if world.served[place] and world.holds[place]
    ]
    assert sum(world.holds.values()) <= 1
    if moment <= _AT["turn"]:
        assert serving == ["target"], NAMES[:moment]
    elif moment > _AT["arm target"]:
        assert serving == ["source"], NAMES[:moment]
    else:
        assert "target" not in serving, NAMES[:moment]
        # Nobody but who was armed comes by itself.
        assert not serving or moment > _AT["arm source"]


each_moment = pytest.mark.parametrize("moment", range(len(MOVES) + 1))


@each_moment
@pytest.mark.parametrize("restarted", [(), ("source",), ("target",), ("source", "target")])
@pytest.mark.parametrize("later", [0, 9])
def test_the_mover_dies(opened: World, moment: int, restarted: tuple[str, ...], later: int) -> None:
    """Or loses the line, which is the same to the guards; then machines are restarted, too."""
    _until(opened, moment)
    _pass(opened, later, moment)
    for place in restarted:
        opened.reboot(place)
        assert not all(opened.holds.values())
        _pass(opened, 1, moment)
    _pass(opened, 40, moment)
    _sound(opened, moment)


@each_moment
@pytest.mark.parametrize("off", ["source", "target"])
def test_one_is_without_power_for_long(opened: World, moment: int, off: str) -> None:
    """What the other one takes meanwhile stays its own when it is back."""
    _until(opened, moment)
    watch = opened.watches.pop(off, None)
    opened.holds[off] = opened.served[off] = False
    _pass(opened, 40, moment)
    if watch is not None:
        opened.watches[off] = watch
    opened.reboot(off)
    assert not all(opened.holds.values())
    _pass(opened, 40, moment)
    _sound(opened, moment)


@each_moment
def test_each_machine_is_restarted_again_and_again(opened: World, moment: int) -> None:
    _until(opened, moment)
    for pause, place in zip((1, 3, 5, 8, 13, 2), itertools.cycle(("source", "target"))):
        opened.reboot(place)
        _pass(opened, pause, moment)
    _pass(opened, 40, moment)
    _sound(opened, moment)


@each_moment
@pytest.mark.parametrize("place", ["source", "target"])
def test_one_of_them_is_cut_off(opened: World, moment: int, place: str) -> None:
    """And with it the mover, or its way to the source. Then the cable is put in again."""
    _until(opened, moment)
    opened.cut.add(place)
    _pass(opened, 40, moment)
    opened.mend()
    _pass(opened, 40, moment)
    _sound(opened, moment)


def test_while_words_come_the_target_stays_closed(opened: World) -> None:
    _until(opened, _AT["turn"])
    for _ in range(40):
        _renew(opened)
        opened.pass_second()
    assert opened.served == {"source": False, "target": False}


def test_a_mover_that_slept_cannot_turn(opened: World) -> None:
    """People are served by the target, and what was carried is older than what they do."""
    _until(opened, _AT["turn"])
    opened.wait()
    assert opened.served["target"]
    for word in ("renew", "confirm", "commit", "arm"):
        assert guard.say(word, opened.at("target")) == guard.GONE
