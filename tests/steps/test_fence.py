"""A source that was moved stays stopped; systemd reads its units anew once for all of it."""

from __future__ import annotations

from typing import cast

from tests.contract.machines import servers
from tests.fakes import FakeHost
from transhume.core.change import WriteFile
from transhume.core.host import Pair
from transhume.profiles.bluemind.layout import load
from transhume.profiles.bluemind.profile import driven, ports
from transhume.steps import door
from transhume.steps.freeze import CloseSource, Fence

LAYOUT = load("bluemind-5")
CLOSE = CloseSource(ports(LAYOUT))
FENCE = Fence(driven(LAYOUT), "/etc/transhume-moved", "root@new", CLOSE)


def _typed(pair: Pair) -> list[str]:
    """What is typed of systemctl, by its verb and what stands before the units."""
    changes = (*FENCE.run(pair), *CLOSE.run(pair))
    commands = (command for change in changes for command in change.act.commands())
    words = [command.argv[1:] for command in commands if command.argv[0] == "systemctl"]
    return [" ".join(word for word in each if ".service" not in word) for each in words]


def _source(pair: Pair) -> FakeHost:
    return cast(FakeHost, pair.source)


def _close(pair: Pair) -> None:
    for change in CLOSE.run(pair):
        if isinstance(change.act, WriteFile):
            _source(pair).files[change.act.path] = change.act.content
    _source(pair).units[door.UNIT] = ("active", "enabled")


def test_units_are_read_anew_once() -> None:
    verbs = ["mask --no-reload bluemind.target", "enable --no-reload", "daemon-reload", "start"]
    assert _typed(servers()) == verbs


def test_whoever_masks_alone_lets_them_be_read_itself() -> None:
    """Nothing else would: a mask counts from then on."""
    pair = servers()
    _close(pair)
    assert _typed(pair) == ["mask bluemind.target"]


def test_without_nft_as_well() -> None:
    pair = servers()
    _source(pair).said["which"] = 1
    assert _typed(pair) == ["mask bluemind.target"]


def test_killed_after_the_mask_they_are_read_anew_by_the_next_run() -> None:
    pair = servers()
    for name, (active, _) in list(_source(pair).units.items()):
        _source(pair).units[name] = (active, "masked")
    assert _typed(pair) == ["enable --no-reload", "daemon-reload", "start"]
