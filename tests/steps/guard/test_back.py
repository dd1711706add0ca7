"""The guards of a way back: what they are told to do, and when they are let stand."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import pytest

from tests.contract import machines
from tests.fakes import FakeHost
from transhume.core.change import Act, Change, Run, WriteFile, leaves
from transhume.core.finding import stopping
from transhume.core.host import Pair
from transhume.core.plan import Plan
from transhume.core.step import Step
from transhume.profiles.bluemind import back
from transhume.profiles.bluemind.layout import load
from transhume.steps.guard.back import serves_on
from transhume.steps.guard.post import FOLDER, UNIT

_JOURNAL: dict[str, Act] = {
    "take-address": Run("target", ("ip", "addr", "del", "192.0.2.10/24", "dev", "ens3")),
    "release-address": Run("source", ("ip", "addr", "replace", "192.0.2.10/24", "dev", "ens3")),
    "fence": Run("source", ("systemctl", "unmask", "bm-core.service")),
    "freeze": Run("source", ("bmctl", "start")),
    "hold-target": Run("target", ("touch", "/never")),
}


def _undoing(keys: Collection[str]) -> tuple[Act, ...]:
    """What the journal would say; nothing was closed yet."""
    return tuple(act for key, act in _JOURNAL.items() if key in keys)


def _plan(how: str = "take") -> Plan:
    return back.plan(load("bluemind-5"), machines.settings(how), _undoing)


def _step(key: str, how: str = "take") -> Step:
    return next(step for step in _plan(how).steps if step.key == key)


def _told(source: str, target: str, active: str = "active") -> Pair:
    pair = machines.returning()
    for host, word in ((pair.source, source), (pair.target, target)):
        if word:
            cast(FakeHost, host).files[f"{FOLDER}/state"] = f"{word}\n".encode()
            cast(FakeHost, host).units[UNIT] = (active, "enabled")
    return pair


def _files(change: Change) -> dict[str, str]:
    written = [act for act in leaves(change.act) if isinstance(act, WriteFile)]
    return {act.path.rpartition("/")[2]: act.content.decode() for act in written}


def _places(step: Step, pair: Pair) -> list[str]:
    return [place for change in step.run(pair) for place in change.places()]


def test_the_target_gets_the_ways_back_of_its_closing_last_made_first() -> None:
    _, target = list(_step("arm-back").run(machines.returning()))
    files = _files(target)
    wanted = (
        "systemctl unmask",
        "bmctl start",
        "systemctl start postfix.service",
        "systemctl stop transhume-closed.service",
    )
    assert sorted(wanted, key=files["back"].index) == list(wanted)
    assert "ip addr" not in files["back"]
    assert (files["state"], "contested" in files) == ("armed\n", False)
    assert "watch /etc/transhume/guard 90" in files[UNIT]
    # At a boot it waits for its time: the network isn't up before that.
    assert "transhume-guard-boot.service" not in files


def test_the_sources_gets_what_the_journal_has_of_the_switch_and_stays_away() -> None:
    source, _ = list(_step("arm-back").run(machines.returning()))
    files = _files(source)
    wanted = ("ip addr replace", "systemctl unmask", "bmctl start")
    assert sorted(wanted, key=files["back"].index) == list(wanted)
    assert "ip addr del" not in files["back"]
    assert "192.0.2.10" in files["free"]
    assert files["state"] == "confirmed\n"
    assert "watch /etc/transhume/guard 180" in files[UNIT]


def test_those_of_the_switch_make_room_first() -> None:
    """Whoever goes back right after the opening may have come before they were taken away."""
    (target,) = _step("arm-back").run(_told("confirmed", "confirmed"))
    argvs = [act.argv for act in leaves(target.act) if isinstance(act, Run)]
    assert argvs.index(("rm", "-rf", "--", FOLDER)) < argvs.index(("systemctl", "start", UNIT))


def test_what_watches_is_left_with_what_it_knows() -> None:
    """The target is closed by now: what it would have to start can't be seen any more."""
    step, pair = _step("arm-back"), _told("confirmed", "armed")
    assert list(step.run(pair)) == []
    assert not stopping(step.verify(pair))
    assert _places(step, _told("", "armed")) == ["source"]


def test_a_dead_guard_is_noticed_but_not_one_that_the_turn_has_stopped() -> None:
    step = _step("arm-back")
    pair = _told("confirmed", "armed")
    cast(FakeHost, pair.target).units[UNIT] = ("failed", "enabled")
    assert len(stopping(step.verify(pair))) == 1
    cast(FakeHost, pair.target).files[f"{FOLDER}/state"] = b"confirmed\n"
    assert not stopping(step.verify(pair))
    assert len(stopping(step.verify(_told("", "armed")))) == 1


@pytest.mark.parametrize("word", ["fired", "returning", "returned"])
def test_where_the_target_served_on_it_is_armed_anew(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the middle of that: what an earlier attempt has closed is in its orders."""
    monkeypatch.setitem(_JOURNAL, "stop-target", Run("target", ("systemctl", "unmask", "bm-old")))
    pair = _told("confirmed", word)
    assert serves_on(pair.target)
    (change,) = _step("arm-back").run(pair)
    assert change.places() == {"target"}
    back = _files(change)["back"]
    assert back.index("systemctl unmask bm-old") < back.index("bmctl start")
    assert not any(serves_on(_told("confirmed", each).target) for each in ("armed", "confirmed"))


def test_words_are_renewed_until_the_turn_the_source_first() -> None:
    """The tool runs on the target: a line that is lost must not be missed there."""
    renewal = _step("arm-back").renewal()
    assert renewal is not None
    assert (renewal.until, renewal.seconds) == ("turn-back", 15.0)
    assert [act.commands().__next__().place for act in renewal.acts] == ["source", "target"]


def test_at_the_turn_the_target_first_serves_no_more_by_itself() -> None:
    (change,) = _step("turn-back").run(_told("confirmed", "armed"))
    first = next(leaves(change.act))
    assert isinstance(first, Run)
    assert first.argv[2] == "confirm"
    files = _files(change)
    assert "ip addr del" in files["back"]
    assert "/never" not in files["back"]
    assert "bmctl" not in files["back"]
    assert "contested" in files
    assert "Before=network-pre.target" in files["transhume-guard-boot.service"]
    assert files["state"] == "confirmed\n"


def test_where_a_script_moves_the_address_nobody_asks_who_has_it() -> None:
    (change,) = _step("turn-back", "script").run(_told("confirmed", "armed"))
    assert "contested" not in _files(change)


def test_both_stay_away_after_the_turn() -> None:
    step = _step("turn-back")
    assert not stopping(step.verify(_told("confirmed", "confirmed")))
    assert len(stopping(step.verify(_told("confirmed", "")))) == 1
    assert len(stopping(step.verify(_told("confirmed", "confirmed", "failed")))) == 2


def test_they_stand_right_before_the_closing_and_at_the_end() -> None:
    keys = [step.key for step in _plan().steps]
    assert keys[keys.index("arm-back") + 1] == "close-again"
    assert keys[-1] == "turn-back"
    assert _step("arm-back").settled_by == "turn-back"
