"""The guards: armed with the ways back of the switch, confirmed in order, taken away."""

from __future__ import annotations

import pytest

from tests.contract import machines
from tests.fakes import FakeHost
from transhume.core.change import Change, Keep, Run, Series, WriteFile, leaves
from transhume.core.finding import stopping
from transhume.core.host import Pair
from transhume.core.step import Step
from transhume.errors import StepFailed
from transhume.profiles.bluemind import profile
from transhume.profiles.bluemind.layout import load
from transhume.steps.guard.arm import Arm, Confirm, Disarm
from transhume.steps.guard.post import FOLDER, UNIT, state


def _step(key: str, how: str = "take") -> Step:
    plan = profile.plan(load("bluemind-5"), machines.settings(how))
    return next(step for step in plan.steps if step.key == key)


def _host(pair: Pair, place: str) -> FakeHost:
    host = pair.source if place == "source" else pair.target
    assert isinstance(host, FakeHost)
    return host


def _told(pair: Pair, source: str, target: str) -> Pair:
    for place, word in (("source", source), ("target", target)):
        if word:
            _host(pair, place).files[f"{FOLDER}/state"] = f"{word}\n".encode()
            _host(pair, place).units[UNIT] = ("active", "enabled")
    return pair


def _files(change: Change) -> dict[str, str]:
    written = [act for act in leaves(change.act) if isinstance(act, WriteFile)]
    return {act.path.rpartition("/")[2]: act.content.decode() for act in written}


def _words(change: Change) -> list[tuple[str, str]]:
    return [(act.place, act.argv[2]) for act in leaves(change.act) if isinstance(act, Run)]


def test_the_source_gets_the_ways_back_of_its_stop_and_of_its_address_last_made_first() -> None:
    source, _ = list(_step("arm-guard").run(machines.servers()))
    back = _files(source)["back"]
    wanted = (
        "ip addr replace 192.0.2.10/24",
        "systemctl unmask",
        "bmctl start",
        "systemctl start postfix.service",
    )
    assert sorted(wanted, key=back.index) == list(wanted)
    assert "192.0.2.10" in _files(source)["free"]
    assert "forth" not in _files(source)
    assert "watch /etc/transhume/guard 180" in _files(source)[UNIT]


def test_the_target_gives_up_what_it_takes_in_half_of_the_time_and_at_a_restart() -> None:
    _, target = list(_step("arm-guard").run(machines.servers()))
    files = _files(target)
    assert "ip addr del 192.0.2.10/24 dev ens3" in files["back"]
    assert "ip addr replace 192.0.2.10/24 broadcast + dev ens3" in files["forth"]
    assert "Before=network-pre.target" in files["transhume-guard-boot.service"]
    assert "watch /etc/transhume/guard 90" in files[UNIT]
    assert "contested" in files


def test_where_no_address_moves_only_the_services_come_back() -> None:
    source, target = list(_step("arm-guard", "none").run(machines.servers()))
    assert "bmctl start" in _files(source)["back"]
    assert "ip addr" not in _files(source)["back"] + _files(target)["back"]
    assert "contested" not in _files(target)


def test_a_script_of_the_admin_gives_back() -> None:
    _, target = list(_step("arm-guard", "script").run(machines.servers()))
    assert "move-address give-back" in _files(target)["back"]
    assert "move-address take" in _files(target)["forth"]


def test_the_one_of_an_earlier_attempt_is_stopped_first_and_starts_last() -> None:
    (change, _) = _step("arm-guard").run(machines.servers())
    acts = list(leaves(change.act))
    assert acts[0] == Run("source", ("systemctl", "stop", UNIT), ok=(0, 5))
    assert acts[-1] == Run("source", ("systemctl", "start", UNIT))


def test_a_guard_that_watches_is_left_with_what_it_knows() -> None:
    """The source may be stopped by now: what it would have to start can't be seen any more."""
    step, pair = _step("arm-guard"), _told(machines.servers(), "armed", "committing")
    assert list(step.run(pair)) == []
    assert not stopping(step.verify(pair))


def test_one_that_only_waits_for_the_address_is_won_again_with_its_own_orders() -> None:
    step, pair = _step("arm-guard"), _told(machines.servers(), "fired", "committing")
    assert stopping(step.verify(pair))
    assert [_words(change) for change in step.run(pair)] == [[("source", "arm")]]


def test_a_target_that_gave_up_is_armed_anew_while_the_source_still_waits() -> None:
    step, pair = _step("arm-guard"), _told(machines.servers(), "armed", "returned")
    (change,) = step.run(pair)
    assert change.places() == {"target"}
    assert "ip addr del" in _files(change)["back"]


@pytest.mark.parametrize("word", ["returning", "returned"])
def test_a_source_that_took_its_place_back_is_left_in_it(word: str) -> None:
    """What the target's services made of the copy meanwhile isn't the source's any more."""
    pair = _told(machines.servers(), word, "returned")
    with pytest.raises(StepFailed, match="taken its place back") as caught:
        list(_step("arm-guard").run(pair))
    assert caught.value.remedy.startswith("transhume rollback")


def test_a_dead_guard_is_noticed() -> None:
    pair = _told(machines.servers(), "armed", "armed")
    _host(pair, "target").units[UNIT] = ("failed", "enabled")
    assert stopping(_step("arm-guard").verify(pair))


def test_words_are_renewed_until_the_switch_is_confirmed_the_source_first() -> None:
    renewal = _step("arm-guard").renewal()
    assert renewal is not None
    assert renewal.until == Confirm.key
    assert renewal.seconds * 6 <= 180 // 2
    assert [act.commands().__next__().place for act in renewal.acts] == ["source", "target"]


def test_it_is_confirmed_so_that_a_stop_in_between_leaves_one_holder() -> None:
    (change,) = Confirm().run(_told(machines.servers(), "armed", "armed"))
    assert _words(change) == [("target", "commit"), ("source", "confirm"), ("target", "confirm")]
    assert isinstance(change.back, Series)
    words = [act.argv[2] for act in change.back.acts if isinstance(act, Run)]
    assert words == ["commit", "arm", "arm"]
    places = [act.commands().__next__().place for act in change.back.acts]
    assert places == ["target", "source", "target"]


def test_a_guard_that_fired_is_not_confirmed() -> None:
    pair = _told(machines.servers(), "returned", "confirmed")
    assert stopping(Confirm().verify(pair))
    assert not stopping(Confirm().verify(_told(machines.servers(), "confirmed", "confirmed")))
    assert list(Confirm().run(_told(machines.servers(), "confirmed", "confirmed"))) == []


def test_nothing_of_them_stays() -> None:
    pair = _told(machines.servers(), "confirmed", "confirmed")
    changes = list(Disarm().run(pair))
    assert {place for change in changes for place in change.places()} == {"source", "target"}
    assert all(isinstance(change.back, Keep) for change in changes)
    assert stopping(Disarm().verify(pair))
    assert not stopping(Disarm().verify(machines.servers()))
    assert list(Disarm().run(machines.servers())) == []


def test_they_stand_right_before_the_freeze_and_right_before_the_opening() -> None:
    plan = profile.plan(load("bluemind-5"), machines.settings())
    keys = [step.key for step in plan.steps]
    armed = keys.index("arm-guard")
    assert keys[armed : armed + 3] == ["arm-guard", "source-address", "freeze"]
    assert keys[keys.index("confirm") + 1] == "open"
    arm = _step("arm-guard")
    assert isinstance(arm, Arm)
    assert {"freeze", "fence", "release-address"} <= {step.key for step in arm.steps}
    assert state(machines.servers().source) == ""
