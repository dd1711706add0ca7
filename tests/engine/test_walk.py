"""Which steps a walk makes, and which of them it believes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.engine.toy import ALL, HOT, PLAN, Copies, Move, Sets, begun, put
from tests.fakes import Killed
from transhume.core.change import Change, Keep
from transhume.core.finding import Finding, Proof
from transhume.core.host import Pair
from transhume.core.plan import Plan
from transhume.core.step import Step
from transhume.engine.journal import Journal
from transhume.errors import NoReturn, StepFailed, Unreachable


def _made(move: Move, since: int = 0) -> list[str]:
    events = move.events()[since:]
    return [event.data["step"] for event in events if event.kind == "step-begun"]


def _skipped(move: Move, since: int = 0) -> list[str]:
    events = move.events()[since:]
    return [event.data["step"] for event in events if event.kind == "step-skipped"]


def _until_open(folder: Path) -> Move:
    move = Move(folder, begun())
    move.forward("prepare", "sync", "cutover")
    return move


def test_steps_are_made_in_the_order_of_the_plan(folder: Path) -> None:
    move = Move(folder, begun())
    move.forward(*ALL)
    assert _made(move) == ["hold", "hot", "way", "freeze", "finish", "start", "open"]


def test_only_the_phases_that_are_asked_for(folder: Path) -> None:
    move = Move(folder, begun())
    move.forward(*HOT)
    assert _made(move) == ["hold", "hot"]


def test_hot_work_is_made_again_while_people_are_served(folder: Path) -> None:
    move = Move(folder, begun())
    move.forward(*HOT)
    move.world.held["source"]["tree"] = "more mail"
    move.forward(*HOT)
    assert _made(move) == ["hold", "hot", "hot"]
    assert move.world.held["target"]["tree"] == "more mail"


def test_hot_work_rests_while_nobody_is_served(folder: Path) -> None:
    move = _until_open(folder)
    already = len(move.events())
    move.forward("prepare", "sync", "cutover")
    assert _made(move, already) == []
    assert "hot" not in _skipped(move, already)


@pytest.mark.parametrize("undone", ["closed", "alias", "stopped", "serving"])
def test_after_the_first_claim_that_fails_no_later_one_is_believed(
    folder: Path, undone: str
) -> None:
    plan = Plan(tuple(_Checked(step) for step in _until_open(folder / "plan").plan.steps))
    move = Move(folder, begun(), plan)
    move.forward("prepare", "sync", "cutover")
    already = len(move.events())
    place = move.world.held["source" if undone in ("alias", "stopped") else "target"]
    del place[undone]
    move.forward("prepare", "sync", "cutover")
    order = ["hold", "way", "freeze", "finish", "start"]
    first = {"closed": 0, "alias": 1, "stopped": 2, "serving": 4}[undone]
    assert _skipped(move, already) == order[:first]
    assert _made(move, already) == order[first:]


class _Checked(Step):
    """The same step; the way's proof is that its alias is there."""

    def __init__(self, step: Step) -> None:
        self.step = step
        for name in ("key", "title", "why", "phase", "rows", "touches", "repeats", "service"):
            setattr(self, name, getattr(step, name))

    def run(self, pair: Pair) -> Iterator[Change]:
        return self.step.run(pair)

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        if self.key == "way" and pair.source.file("alias") is None:
            yield Finding("lost", "blocks", "source", "no alias")
        yield from self.step.verify(pair)


def test_past_the_point_of_no_return_nothing_before_is_made_again(folder: Path) -> None:
    move = Move(folder, begun())
    move.forward(*ALL)
    already = len(move.events())
    move.world.held["target"]["tree"] = "what people received since"
    move.world.held["source"].pop("stopped")
    move.forward(*ALL)
    assert _made(move, already) == []
    assert move.world.held["target"]["tree"] == "what people received since"


def test_whether_people_are_let_in_is_looked_at_again(folder: Path) -> None:
    """A power cut may have brought the closed door back: nothing may be told to serve then."""
    move = Move(folder, begun())
    move.forward(*ALL)
    already = len(move.events())
    move.world.held["target"]["tree"] = "what people received since"
    del move.world.held["target"]["opened"]
    del move.world.held["target"]["serving"]
    move.forward(*ALL)
    assert _made(move, already) == ["open"]
    assert move.world.held["target"]["opened"] == "1"
    assert move.world.held["target"]["tree"] == "what people received since"


def test_letting_people_in_again_makes_nothing_after_it_again(folder: Path) -> None:
    """What was compared with the source then differs for ever once people work here."""
    after = (Copies("maps", "after", ("rows",)), Sets("tick", "after", "target", ("ticks",)))
    move = Move(folder, begun(), Plan((*PLAN.steps, *after)))
    move.forward(*ALL)
    already = len(move.events())
    move.world.held["target"]["rows"] = "somebody new"
    del move.world.held["target"]["opened"]
    move.forward(*ALL)
    assert _made(move, already) == ["open"]
    assert _skipped(move, already)[-2:] == ["maps", "tick"]


def test_dying_in_the_opening_leads_to_the_opening_alone(folder: Path) -> None:
    move = _until_open(folder)
    move.world.kill_at = move.world.moments + 7
    with pytest.raises(Killed):
        move.forward(*ALL)
    move.world.kill_at = None
    already = len(move.events())
    move.world.held["target"]["tree"] = "what people received since"
    move.forward(*ALL)
    assert _made(move, already) == ["open"]


def test_a_step_is_settled_once_a_later_one_is_done(folder: Path) -> None:
    steps = (
        Copies("finish", "cutover", ("tree",), settled_by="start"),
        Sets("start", "cutover", "target", ("serving",)),
    )
    move = Move(folder, begun(), Plan(steps))
    move.forward("cutover")
    move.world.held["target"]["tree"] = "what the started server wrote"
    move.forward("cutover")
    assert move.world.held["target"]["tree"] == "what the started server wrote"


def test_it_is_not_settled_by_one_that_was_only_begun(folder: Path) -> None:
    steps = (
        Copies("finish", "cutover", ("tree",), settled_by="start"),
        Sets("start", "cutover", "target", ("serving",)),
    )
    move = Move(folder, begun(), Plan(steps))
    move.world.fail_on = "serving"
    with pytest.raises(StepFailed):
        move.forward("cutover")
    move.world.fail_on = ""
    move.world.held["target"]["tree"] = "torn"
    move.forward("cutover")
    assert move.world.held["target"]["tree"] == "mail"


@dataclass(frozen=True)
class _Raises(Step):
    """A step whose proof can't be had while something is down."""

    error: Callable[[], Exception]
    key = "start"
    title = "start it"
    why = "It has to run."
    phase = "cutover"

    def run(self, pair: Pair) -> Iterator[Change]:
        yield Change("start", put("target", "running"), Keep("it may run"))

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        if pair.target.file("running") is None:
            raise self.error()
        return iter(())


@pytest.mark.parametrize("kind", [Unreachable, StepFailed])
def test_a_proof_that_cant_be_had_is_no_proof(
    folder: Path, kind: type[Unreachable | StepFailed]
) -> None:
    """What was stopped by hand between two attempts is started again."""
    move = Move(folder, begun(), Plan((_Raises(lambda: kind("it doesn't answer")),)))
    move.forward("cutover")
    del move.world.held["target"]["running"]
    move.forward("cutover")
    assert move.world.held["target"]["running"] == "1"


@dataclass(frozen=True)
class _Reaches(Step):
    """A step that alters a machine which it didn't declare."""

    key = "reaches"
    title = "reach too far"
    why = "A mistake in a step must not reach a machine."
    phase = "cutover"

    def run(self, pair: Pair) -> Iterator[Change]:
        yield Change("alter the source", put("source", "oops"), Keep("x"))


def test_a_machine_that_a_step_didnt_declare_isnt_touched(folder: Path) -> None:
    move = Move(folder, begun(), Plan((_Reaches(),)))
    with pytest.raises(StepFailed, match="wanted to alter the source"):
        move.forward("cutover")
    assert move.world.commands == []
    assert "change-begun" not in {event.kind for event in move.events()}


@dataclass(frozen=True)
class _Ineffective(Step):
    """A step whose commands succeed and whose effect doesn't come about."""

    key = "ineffective"
    title = "stop it"
    why = "Some commands print success whatever happened."
    phase = "cutover"

    def run(self, pair: Pair) -> Iterator[Change]:
        yield Change("stop", put("target", "asked"), Keep("x"))

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        yield Finding("running", "blocks", "target", "it still runs", self.why, "kill it")


def test_success_without_effect_stops_the_walk(folder: Path) -> None:
    move = Move(folder, begun(), Plan((_Ineffective(), Sets("b", "cutover", "target", ("x",)))))
    with pytest.raises(StepFailed, match=r"the effect didn't come about .*it still runs") as told:
        move.forward("cutover")
    assert told.value.remedy == "kill it"
    assert "step-done" not in {event.kind for event in move.events()}
    assert "x" not in move.world.held["target"]


@dataclass(frozen=True)
class _Late(_Ineffective):
    """One whose effect comes about with the second of its changes, if it may be made again."""

    key = "late"
    made: list[int] = field(default_factory=list)

    def run(self, pair: Pair) -> Iterator[Change]:
        self.made.append(1)
        yield from super().run(pair)

    def verify(self, pair: Pair) -> Iterator[Finding | Proof]:
        if len(self.made) < 2:
            yield from super().verify(pair)


class _LateTwice(_Late):
    tries = 2


def test_one_that_may_be_made_again_is_before_the_walk_ends(folder: Path) -> None:
    move = Move(folder, begun(), Plan((_LateTwice(),)))
    move.forward("cutover")
    kinds = [event.kind for event in move.events()]
    assert (kinds.count("change-done"), kinds.count("step-done")) == (2, 1)
    with pytest.raises(StepFailed, match="it still runs"):
        Move(folder / "other", begun(), Plan((_Late(),))).forward("cutover")


def test_the_outage_is_noted_once_over_a_kill(folder: Path) -> None:
    move = Move(folder, begun())
    move.world.fail_on = "masked"
    with pytest.raises(StepFailed):
        move.forward(*ALL)
    move.world.fail_on = ""
    move.forward(*ALL)
    kinds = [event.kind for event in move.events() if event.kind in ("down", "up")]
    assert kinds == ["down", "up"]


def test_going_back_ends_the_outage_once_all_since_its_beginning_is_taken_back(
    folder: Path,
) -> None:
    """What was begun while people worked is taken back while they work."""
    move = _until_open(folder)
    (shut_out,) = (event.id for event in move.events() if event.kind == "down")
    already = len(move.events())
    move.back()
    since = move.events()[already:]
    (served,) = (number for number, event in enumerate(since) if event.kind == "up")
    taken = [event.data["change"] for event in since if event.kind == "undone"]
    before = [event.data["change"] for event in since[:served] if event.kind == "undone"]
    assert before == [change for change in taken if change > shut_out]
    assert before != taken
    assert since[-1].kind == "rolled-back"


def test_an_outage_in_which_nothing_was_begun_ends_once(folder: Path) -> None:
    move = Move(folder, begun())
    move.forward("prepare", "sync")
    with Journal(folder) as journal:
        journal.write("down")
    move.back()
    assert [event.kind for event in move.events() if event.kind in ("down", "up")] == ["down", "up"]


def test_a_way_back_that_is_killed_tells_of_one_outage(folder: Path) -> None:
    for number in itertools.count(1):
        move = Move(folder / str(number), begun())
        move.forward(*ALL)
        move.world.kill_at = move.world.moments + number
        try:
            move.back(lose=True)
            break
        except Killed:
            move.world.kill_at = None
            move.back(lose=True)
        kinds = [event.kind for event in move.events() if event.kind in ("down", "up")]
        assert kinds == ["down", "up"] * 2
    assert number > len(move.events()) // 4


def test_no_return_touches_nothing(folder: Path) -> None:
    move = Move(folder, begun())
    move.forward(*ALL)
    already, events = list(move.world.commands), len(move.events())
    with pytest.raises(NoReturn, match="people have been served by the target"):
        move.back()
    assert (move.world.commands, len(move.events())) == (already, events)


def test_a_loss_that_was_agreed_to_is_carried_to_its_end(folder: Path) -> None:
    """Half gone back past the opening, going on would mix two servers that both took mail."""
    move = Move(folder, begun())
    move.forward(*ALL)
    move.world.kill_at = move.world.moments + 8
    with pytest.raises(Killed):
        move.back(lose=True)
    move.world.kill_at = None
    already = len(move.events())
    with pytest.raises(StepFailed, match="going back was begun"):
        move.forward(*ALL)
    assert len(move.events()) == already
    move.back(lose=True)
    assert move.world.held["source"] == begun().held["source"]


def test_ways_back_are_taken_in_reverse_and_kept_ones_are_told(folder: Path) -> None:
    move = _until_open(folder)
    titles = [event.data["title"] for event in move.events() if event.kind == "change-begun"]
    move.back()
    undone = [event.data["title"] for event in move.events() if event.kind == "undo-begun"]
    kept = [event.data["kept"] for event in move.events() if event.kind == "undone"]
    assert undone == titles[::-1]
    assert [reason for reason in kept if reason] == ["nothing was altered"]


def test_a_rollback_of_nothing_is_one_entry(folder: Path) -> None:
    move = Move(folder, begun())
    move.back()
    assert [event.kind for event in move.events()] == ["rolled-back"]


@dataclass(frozen=True)
class Puzzled(Sets):
    """Looks at what has another form than it thinks."""

    def verify(self, pair: Pair) -> Iterator[Finding]:
        yield Finding("x", "notes", "source", "abc"[int(pair.source.file("shape") or b"0")])


def test_an_answer_that_cant_be_understood_is_no_proof(folder: Path) -> None:
    move = Move(folder, begun(), Plan((Puzzled("puzzled", "prepare", "target", ("a",)),)))
    move.forward("prepare")
    move.world.held["source"]["shape"] = "none"
    with pytest.raises(StepFailed, match="proof of 'set something': a machine's answer"):
        move.forward("prepare")
    assert _made(move) == ["puzzled", "puzzled"]
