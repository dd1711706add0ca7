"""The one room that performs: every status is believed, every end is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from transhume.core.change import (
    Act,
    Await,
    Command,
    DumpDatabase,
    Pause,
    Reroute,
    RestoreDatabase,
    Run,
    SeedDatabase,
    Series,
    SyncPaths,
    SyncTree,
    Together,
)
from transhume.core.event import Progress
from transhume.core.host import Hands, May, Output, Talk
from transhume.core.settings import CopySettings
from transhume.engine import perform, throttle
from transhume.engine.perform import Performer
from transhume.errors import Declined, StepFailed


@dataclass
class Hand:
    """Answers each command with the next status that was laid out for it."""

    statuses: dict[str, list[int]] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    done: list[str] = field(default_factory=list)
    meets: threading.Barrier | None = None
    asked: list[May | None] = field(default_factory=list)

    def run(self, command: Command, heard: Callable[[str], None], may: May | None = None) -> Output:
        """Note it and answer."""
        self.asked.append(may)
        if self.meets:
            self.meets.wait(timeout=10)
        for line in self.lines:
            heard(line)
        self.done.append(str(command))
        left = self.statuses.get(str(command), [0])
        status = left.pop(0) if len(left) > 1 else left[0]
        return Output(status, b"", b"first\nsecond\nthe reason\n" if status else b"")

    def talk(self, command: Command) -> Talk:
        """Nothing here needs to be talked with."""
        raise AssertionError(f"nobody talks with {command}")


@dataclass
class Way:
    """Notes where it leads."""

    taken: list[str] = field(default_factory=list)

    def to(self, address: str) -> None:
        """Lead there."""
        self.taken.append(address)


_SEED = SeedDatabase("x", "slot", "/d/x", 2, "0", b"")


def _run(word: str, *ok: int) -> Run:
    return Run("target", (word,), ok=ok or (0,))


def _perform(
    hand: Hand, act: Act, way: Way | None = None, seen: list[Progress] | None = None
) -> None:
    def ask(message: str) -> None:
        raise Declined(message)

    notice = (seen if seen is not None else []).append
    Performer({"source": hand, "target": hand}, way or Way(), ask, notice).perform(act)


def test_a_series_stops_at_its_first_failure() -> None:
    hand = Hand({"b": [1]})
    with pytest.raises(StepFailed) as failure:
        _perform(hand, Series((_run("a"), _run("b"), _run("c"))))
    assert hand.done == ["a", "b"]
    assert "status 1" in failure.value.what
    assert "the reason" in failure.value.what


def test_a_status_that_is_no_failure_goes_on() -> None:
    hand = Hand({"b": [24]})
    _perform(hand, Series((_run("b", 0, 24), _run("c"))))
    assert hand.done == ["b", "c"]


def test_together_really_is_at_the_same_time() -> None:
    hand = Hand(meets=threading.Barrier(3))
    _perform(hand, Together((_run("a"), _run("b"), _run("c"))))
    assert sorted(hand.done) == ["a", "b", "c"]


def test_together_waits_for_all_and_then_tells_the_first_error() -> None:
    hand = Hand({"a": [3], "b": [4]})
    with pytest.raises(StepFailed, match="status 3"):
        _perform(hand, Together((_run("a"), _run("b"), _run("c"))))
    assert sorted(hand.done) == ["a", "b", "c"]


@pytest.mark.parametrize("act", [Together(()), Series(())])
def test_nothing_at_all_is_done_at_once(act: Act) -> None:
    _perform(Hand(), act)


def test_waiting_ends_with_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perform, "_FIRST_POLL_SECONDS", 0)
    hand = Hand({"ready": [1, 1, 0]})
    _perform(hand, Await("target", ("ready",), 60))
    assert len(hand.done) == 3


def test_waiting_has_a_limit_and_says_it() -> None:
    with pytest.raises(StepFailed, match="within 0 s"):
        _perform(Hand({"ready": [1]}), Await("target", ("ready",), 0))


def test_a_question_may_be_declined() -> None:
    with pytest.raises(Declined, match="move it"):
        _perform(Hand(), Pause("move it"))


def test_another_way_is_taken() -> None:
    way = Way()
    _perform(Hand(), Series((Reroute("192.0.2.11"), Reroute(""))), way)
    assert way.taken == ["192.0.2.11", ""]


def test_progress_is_heard_while_it_works() -> None:
    seen: list[Progress] = []
    hand = Hand(lines=("sending", "     32,768  10%    1.00MB/s    0:00:01 (xfr#1, to-chk=3/5)"))
    _perform(hand, SyncTree("/x", expected=100_000), seen=seen)
    assert seen[-1] == Progress("/x", 32768, 100_000, "bytes")


@pytest.mark.parametrize(
    ("act", "held"),
    [
        (SyncTree("/x"), True),
        (SyncPaths("/x", b"a\0"), True),
        (_SEED, True),
        (DumpDatabase("x", "/d/x", 2, "0"), True),
        (SyncTree("/x", finish=True), False),
        (SyncPaths("/x", b"a\0", finish=True), False),
        (DumpDatabase("x", "/d/x", 2, "0", finish=True), False),
        (RestoreDatabase("x", "/d/x", 2), False),
        (_run("a"), False),
    ],
    ids=str,
)
def test_whoever_waits_is_never_held_back(act: Act, held: bool) -> None:
    hand = Hand()
    _perform(hand, act)
    assert {may is not None for may in hand.asked} == {held}


def test_hot_copies_side_by_side_share_the_limit() -> None:
    hand, limits = Hand(), [CopySettings(bandwidth="1K")]
    hands: Hands = {"source": hand, "target": hand}
    performer = Performer(hands, Way(), lambda said: None, lambda seen: None, lambda: limits[0])
    performer.perform(Together((SyncTree("/x"), SyncTree("/y"))))
    first, *others = (may for may in hand.asked if may)
    assert not first(1 << 30)
    assert not any(may(0) for may in others)
    limits[0] = CopySettings()
    assert all(may(0) for may in others)


def test_a_hot_pass_begins_once_the_source_is_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "_LOOK_SECONDS", 0)
    loads, hand = ["9.5 1 1 1/1 1", "1.5 1 1 1/1 1"], Hand()

    class Busy(Hand):
        """A source whose load goes down."""

        def run(
            self, command: Command, heard: Callable[[str], None], may: May | None = None
        ) -> Output:
            """Tell the next load."""
            hand.done.append("look")
            return Output(0, loads.pop(0).encode(), b"")

    limits = CopySettings(max_load=2.0)
    hands: Hands = {"source": Busy(), "target": hand}
    Performer(hands, Way(), lambda said: None, lambda seen: None, lambda: limits).perform(
        SyncTree("/x")
    )
    assert [line.split()[0] for line in hand.done] == ["look", "look", "mkdir", "rsync"]
