"""Have the source tell which paths change, from before the first copy until the target serves."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from transhume.agent import program
from transhume.core.change import Await, Change, Keep, Place, RemoveFile, Run, Series, WriteFile
from transhume.core.finding import Finding
from transhume.core.host import Host, Pair
from transhume.core.step import Step
from transhume.steps.followed import FOLDER, FOLLOWING, Told, counted
from transhume.steps.mounted import noting
from transhume.steps.trees import Tree, existing

UNIT = "transhume-tracker.service"
_PROGRAMS = ("tracker", "changes")
_SOCKET = f"{FOLDER}/socket"
_ANSWERS_SECONDS = 30
# What it holds at most, the kernel's own queue for it included; past it the kernel ends it, it
# begins anew, and says what it missed. A little priority keeps that queue short.
_PROPERTIES = ("MemoryMax=64M", "Nice=-5", "Restart=always", "RestartSec=1", "TimeoutStopSec=5")
_LEAST_ROOM = 32 << 20
"""Bytes free on the source under which no tracker is started: its list would end it at once."""


def stopped(place: Place) -> Run:
    """End the tracker of that machine; nothing happens when there is none."""
    # 5 is what systemctl says of a unit that isn't there.
    return Run(place, ("systemctl", "stop", UNIT), ok=(0, 5))


def removed(place: Place) -> Run:
    """Remove the tracker's programs and its list from that machine."""
    return Run(place, ("rm", "-rf", "--", FOLDER))


def _start(place: Place, trees: tuple[Tree, ...]) -> Series:
    options = tuple(f"--property={item}" for item in _PROPERTIES)
    what = f"--description=Follows what changes in {len(trees)} trees"
    words = ("python3", f"{FOLDER}/tracker.py", FOLDER, ",".join(FOLLOWING))
    paths = tuple(tree.path for tree in trees)
    begin = ("systemd-run", "--quiet", "--collect", f"--unit={UNIT}", what, *options)
    return Series(
        (
            stopped(place),
            RemoveFile(place, _SOCKET),
            Run(place, (*begin, *words, *paths)),
            Await(place, ("test", "-S", _SOCKET), _ANSWERS_SECONDS),
        )
    )


def followed(told: Told, trees: tuple[Tree, ...]) -> bool:
    """Whether a tracker answers, and follows just these."""
    return not told.problem and set(told.trees) == {tree.path for tree in trees}


def tracking(host: Host, trees: tuple[Tree, ...], told: Told) -> Iterator[Change]:
    """Have that machine tell what changes in these, unless it does."""
    place = host.place
    lacking = [name for name in _PROGRAMS if host.file(_path(name)) != program(name)]
    files = [WriteFile(place, _path(name), program(name), "0600") for name in lacking]
    files += noting(host, host, [tree.path for tree in trees])
    if files:
        folder = Run(place, ("mkdir", "-p", "-m", "0700", FOLDER))
        act = Series((folder, *files))
        yield Change(f"put the tracker on the {place}", act, removed(place))
    if lacking or not followed(told, trees):
        yield Change("start the tracker", _start(place, trees), stopped(place))


@dataclass(frozen=True)
class FollowTrees(Step):
    """A tracker on the source notes every path that changes under the trees."""

    trees: tuple[Tree, ...]
    key = "follow-trees"
    title = "follow what changes in the trees"
    why = "What changed is known then and needn't be searched for while everybody waits."
    phase = "prepare"
    touches = frozenset({"source"})
    settled_by = "start"

    def run(self, pair: Pair) -> Iterator[Change]:
        existing(pair, self.trees)
        told = counted(pair)
        if followed(told, self.trees) or _room(pair) >= _LEAST_ROOM:
            yield from tracking(pair.source, self.trees, told)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        told = counted(pair)
        if followed(told, self.trees):
            return
        # Scanned meanwhile; what else is kept on the source has to go as well, so nothing stops.
        full = _room(pair) < _LEAST_ROOM
        seen = told.problem or "the tracker follows other trees"
        remedy = f"on the source: journalctl -u {UNIT}; then the same command again"
        if full:
            remedy = "make room on the source under /var/lib; then the same command again"
        yield Finding(
            "not-followed", "warns" if full else "blocks", "source", seen, self.why, remedy
        )


def _room(pair: Pair) -> int:
    """Bytes that are free on the source for the tracker's list."""
    printed = pair.source.read("df", "--block-size=1", "--output=avail", posixpath.dirname(FOLDER))
    return int(printed.split()[-1])


def _path(name: str) -> str:
    return f"{FOLDER}/{name}.py"


@dataclass(frozen=True)
class StopFollowing(Step):
    """Nothing of the tracker is left on the source."""

    key = "stop-following"
    title = "remove the tracker from the source"
    why = "The target serves: the source stands still, and keeps nothing of ours."
    phase = "after"
    touches = frozenset({"source"})

    def run(self, pair: Pair) -> Iterator[Change]:
        if pair.source.ask("test", "-e", FOLDER).status == 0:
            done = Keep("what it followed stands still now")
            yield Change("remove the tracker", Series((stopped("source"), removed("source"))), done)

    def verify(self, pair: Pair) -> Iterator[Finding]:
        if pair.source.ask("test", "-e", FOLDER).status == 0:
            yield Finding("left-over", "blocks", "source", f"{FOLDER} is still there")
