"""The guards of a switch: whatever dies at whatever moment, the address has one holder in the end.

What the mover managed to do before something died is tried at every moment.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.agent.guarded import LONG, Act, World
from transhume.agent import guard


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
    world.served["target"], world.closed = True, False


def _renew(world: World) -> None:
    world.say("source", "renew")
    world.say("target", "renew")


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


def _until(world: World, moment: int) -> None:
    """The mover's moves before the one of that number, a second each."""
    for _, act in MOVES[:moment]:
        act(world)
        if {"source", "target"} <= world.watches.keys() and world.state("target") != "confirmed":
            _renew(world)
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
    world.wait(later)
    for place in restarted:
        world.reboot(place)
        assert not all(world.holds.values())
        world.pass_second()
    world.wait()
    _sound(world, moment)


@pytest.mark.parametrize("moment", range(len(MOVES) + 1))
def test_each_machine_is_restarted_again_and_again(world: World, moment: int) -> None:
    _until(world, moment)
    for pause, place in zip((1, 3, 5, 8, 13, 2), itertools.cycle(("source", "target"))):
        world.reboot(place)
        world.wait(pause)
    world.wait()
    _sound(world, moment)


@pytest.mark.parametrize("moment", range(len(MOVES) + 1))
@pytest.mark.parametrize("place", ["source", "target"])
def test_one_of_them_is_cut_off(world: World, moment: int, place: str) -> None:
    """And with it the mover, or its way to the source. Then the cable is put in again."""
    _until(world, moment)
    world.cut.add(place)
    world.wait()
    if place == "source":
        assert not all(world.holds.values())
    else:
        # The source may have taken what it couldn't hear the target hold.
        world.mend()
    world.cut.clear()
    world.wait()
    _sound(world, moment)


def test_a_way_back_that_fails_is_taken_again_until_it_succeeds(world: World) -> None:
    world.post("source")
    _stop(world)
    _mask(world)
    world.failing = 9
    world.wait(400)
    assert world.state("source") == "returned"
    assert world.served["source"]
    assert len(world.tried) == 10
    pauses = [later - earlier for earlier, later in itertools.pairwise(world.tried)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == guard.MOST_TICKS


def test_while_it_fails_it_isnt_told_to_be_back(world: World) -> None:
    world.post("source")
    world.failing = LONG
    world.wait()
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
    world.wait()
    for place, word in (("source", "renew"), ("target", "commit"), ("source", "confirm")):
        assert guard.say(word, world.at(place)) == guard.GONE


def test_a_source_that_waits_for_the_address_may_be_won_again(world: World) -> None:
    """The target keeps what may have been confirmed: the mover comes back and finishes."""
    _until(world, NAMES.index("confirm source"))
    world.wait()
    assert world.state("source") == "fired"
    assert world.holds == {"source": False, "target": True}
    world.say("source", "arm")
    for place, word in (("target", "commit"), ("source", "confirm"), ("target", "confirm")):
        world.say(place, word)
    world.wait()
    assert world.holds == {"source": False, "target": True}


@pytest.mark.parametrize("reached", ["confirm source", "open"])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_switch_that_is_taken_back_is_taken_anew_only_after_a_restart(
    world: World, restarted: bool, reached: str
) -> None:
    """Else it could take the address at the very moment at which it is given back."""
    _until(world, NAMES.index(reached))
    world.say("target", "commit")
    if restarted:
        world.reboot("target")
    world.holds["target"] = False
    world.wait(guard.LOOK_TICKS)
    assert world.holds["target"] == restarted


def test_going_back_waits_until_nobody_else_holds_the_address(world: World) -> None:
    for place in ("source", "target"):
        world.post(place)
    _stop(world)
    _release(world)
    _take(world)
    world.watches.pop("target")
    world.wait()
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
    world.wait()
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
