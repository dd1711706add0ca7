"""A tree that isn't mounted any more seems to be empty: nothing is emptied after it."""

from __future__ import annotations

import json
from typing import cast

import pytest

from tests.contract import machines
from tests.fakes import FakeHost
from transhume.core.change import Series, WriteFile, leaves
from transhume.core.host import Pair
from transhume.core.step import Step
from transhume.errors import StepFailed
from transhume.profiles.bluemind import profile
from transhume.profiles.bluemind.layout import load
from transhume.steps.back.trees import CarryRest, CarryTrees
from transhume.steps.back.turn import FollowTarget
from transhume.steps.follow_trees import FollowTrees
from transhume.steps.mounted import note_of
from transhume.steps.trees import FinishTrees, SyncTrees, Tree

MAIL = "/var/spool/cyrus"
ROOT = b"22 1 8:1 / / rw,noatime shared:1 - ext4 /dev/sda1 rw\n"
MOUNTED = ROOT + b"23 22 8:2 / /var/spool/cyrus rw - xfs /dev/sdb1 rw\n"
INSIDE = MOUNTED + b"24 23 8:3 / /var/spool/cyrus/data\\040new rw - xfs /dev/sdc1 rw\n"
WAY = profile.way_back(load("bluemind-5"), machines.settings())
FORWARD = (SyncTrees((Tree(MAIL),)), FollowTrees((Tree(MAIL),)), FinishTrees((Tree(MAIL),)))
BACK = (CarryTrees(WAY), CarryRest(WAY))


def _host(pair: Pair, place: str) -> FakeHost:
    return cast(FakeHost, pair.source if place == "source" else pair.target)


def _gaps(pair: Pair, place: str) -> None:
    """As its tracker tells when mounts were changed."""
    lines = ({"run": "1-1", "seq": 3}, {"tree": MAIL, "way": "names", "gaps": ["its mounts"]})
    _host(pair, place).printed["changes"] = [json.dumps(line).encode() for line in lines]


def _known(pair: Pair, keeper: str, place: str, before: bytes, now: bytes) -> None:
    """The tree lay so when it was noted, and lies so now."""
    host = _host(pair, place)
    host.files["/proc/self/mountinfo"] = before
    _host(pair, keeper).files.update(_notes(pair, keeper, place))
    host.files["/proc/self/mountinfo"] = now


def _notes(pair: Pair, keeper: str, place: str) -> dict[str, bytes]:
    step = FollowTrees((Tree(MAIL),)) if keeper == "source" else FollowTarget(WAY)
    written = [act for change in step.run(pair) for act in leaves(change.act)]
    return {
        act.path: act.content
        for act in written
        if isinstance(act, WriteFile) and act.path == note_of(place)  # type: ignore[arg-type]
    }


@pytest.mark.parametrize("step", FORWARD)
@pytest.mark.parametrize("before", [MOUNTED, INSIDE])
def test_a_tree_of_the_source_that_isnt_mounted_any_more_ends_the_step(
    step: Step, before: bytes
) -> None:
    pair = machines.servers()
    _known(pair, "source", "source", before, ROOT if before == MOUNTED else MOUNTED)
    _gaps(pair, "source")
    with pytest.raises(StepFailed, match="isn't mounted on the source any more") as raised:
        list(step.run(pair))
    assert "Nothing of it was copied or deleted" in raised.value.state
    assert f"rm {note_of('source')} on the source" in raised.value.remedy


LINKED = ROOT + b"23 22 8:2 / /srv/mail rw - xfs /dev/sdb1 rw\n"
LINK = ROOT + b"25 22 8:4 / /var/spool rw - xfs /dev/sdd1 rw\n" + LINKED[len(ROOT) :]
WITHIN = LINKED + b"24 23 8:3 / /srv/mail/data rw - xfs /dev/sdc1 rw\n"


@pytest.mark.parametrize("step", FORWARD)
@pytest.mark.parametrize(("before", "now"), [(LINKED, ROOT), (WITHIN, LINKED), (LINK, LINKED)])
def test_a_tree_that_is_a_link_lies_where_the_link_leads(
    step: Step, before: bytes, now: bytes
) -> None:
    pair = machines.servers()
    _host(pair, "source").said["readlink -z -m --"] = "/srv/mail\0"
    _known(pair, "source", "source", before, now)
    _gaps(pair, "source")
    with pytest.raises(StepFailed, match=f"on which {MAIL} lay"):
        list(step.run(pair))


@pytest.mark.parametrize("step", BACK)
@pytest.mark.parametrize("place", ["source", "target"])
def test_on_the_way_back_both_must_be_mounted(step: Step, place: str) -> None:
    """The source's mail would be deleted after an empty target, and an empty source serve."""
    pair = machines.returning()
    _known(pair, "target", place, MOUNTED, ROOT)
    with pytest.raises(StepFailed, match=f"{MAIL} isn't mounted on the {place} any more"):
        list(step.run(pair))
    if isinstance(step, CarryRest):
        with pytest.raises(StepFailed, match=f"{MAIL} isn't mounted on the {place} any more"):
            list(step.verify(pair))


@pytest.mark.parametrize("step", [*FORWARD, *BACK])
def test_what_is_mounted_where_it_was_is_copied(step: Step) -> None:
    back = step in BACK
    pair = machines.returning() if back else machines.servers()
    for place in ("source", "target") if back else ("source",):
        _known(pair, "target" if back else "source", place, INSIDE, INSIDE + ROOT)
    list(step.run(pair))


def test_what_was_noted_first_counts() -> None:
    pair = machines.servers()
    _known(pair, "source", "source", INSIDE, INSIDE)
    (note,) = [_host(pair, "source").files[note_of("source")]]
    assert json.loads(note) == {MAIL: [MAIL, f"{MAIL}/data new"]}
    _host(pair, "source").files["/proc/self/mountinfo"] = INSIDE + ROOT
    other = FollowTrees((Tree(MAIL), Tree("/srv/x")))
    _host(pair, "source").folders.add("/srv/x")
    (written,) = [
        act
        for change in other.run(pair)
        for act in leaves(change.act)
        if isinstance(act, WriteFile) and act.path == note_of("source")
    ]
    assert json.loads(written.content) == {MAIL: [MAIL, f"{MAIL}/data new"], "/srv/x": ["/"]}


@pytest.mark.parametrize("note", [b"", b"[1]", b'{"/x": 7}', b"\xff"])
def test_a_note_that_cant_be_understood_is_no_leave(note: bytes) -> None:
    pair = machines.servers()
    _host(pair, "source").files[note_of("source")] = note
    with pytest.raises(StepFailed, match="can't be understood"):
        list(SyncTrees((Tree(MAIL),)).run(pair))


def test_the_note_is_put_there_with_the_tracker() -> None:
    put = next(iter(FollowTrees((Tree(MAIL),)).run(machines.servers())))
    assert isinstance(put.act, Series)
    assert note_of("source") in [act.path for act in put.act.acts if isinstance(act, WriteFile)]
