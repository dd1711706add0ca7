"""Carry a tree's files to the target over as many connections as make it faster."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from transhume.core.change import Command, SeedTree
from transhume.core.event import Progress
from transhume.core.host import Hands, Output, Talk
from transhume.engine.batches import Batch, batches, ending, lacking, names, split
from transhume.engine.failures import failed
from transhume.engine.growth import Growth
from transhume.engine.throttle import Throttle
from transhume.errors import StepFailed, TranshumeError, Unreachable

_SETTLE_SECONDS = 0.7
_PERIOD_SECONDS = 1.5
_PAUSE_SECONDS = 2.0
_PATIENCE_SECONDS = 45.0
# Enough on its way that a long line never waits for the next question: an ssh connection itself
# holds 2 MiB.
_AHEAD = 8
# What a file costs beside its bytes, as bytes: else a stretch of small files looks like a bad line.
_FILE = 10_000
# What receive.py ends with when the stream ended before its end.
_CUT_OFF = 75
_OWN = "receive: "
_LISTS = 3
# What says nothing about the reason: that the stream ended, and that a key file isn't there.
_IDLE = ("the stream was cut off", "no such identity: ")


def seed(
    act: SeedTree,
    hands: Hands,
    notice: Callable[[Progress], None],
    throttle: Throttle,
) -> None:
    """Bring what can be brought whole; StepFailed or Unreachable when it can't go on.

    When the source's list breaks off it is asked for anew: what has arrived isn't sent again.
    """
    for _ in range(_LISTS - 1):
        try:
            _seed(act, hands, notice, throttle)
        except Unlisted:
            time.sleep(_PAUSE_SECONDS)
        else:
            return
    _seed(act, hands, notice, throttle)


class Unlisted(Unreachable):
    """What a tree holds on the source couldn't be read to its end."""


def _seed(
    act: SeedTree,
    hands: Hands,
    notice: Callable[[Progress], None],
    throttle: Throttle,
) -> None:
    make, source, target, lane = act.commands()
    with _output(hands, make):
        pass
    with _output(hands, target) as found:
        present = names(split(found, b"\0"))
    with _output(hands, source) as found:
        queue, ended = Queue(batches(lacking(split(found, b"\0"), present))), threading.Event()
        Crew(act, hands, lane, queue, throttle, notice, ended).work()


@contextmanager
def _output(hands: Hands, command: Command) -> Iterator[Callable[[], bytes]]:
    """Its output, piece by piece; its status is believed at the end."""
    talk = hands[command.place].talk(command)
    try:
        yield talk.hear
        while talk.hear():
            pass
        output = talk.end()
    except BaseException:
        talk.stop()
        talk.end()
        raise
    if output.status == 255:
        raise Unlisted(f"the source's list of files broke off ({_last(output)}; {_LISTS} tries)")
    if output.status not in command.ok:
        raise failed(command, output)


class Queue:
    """What is still to be carried; all connections take from it and give back to it."""

    def __init__(self, todo: Iterator[Batch]) -> None:
        self._todo = todo
        self._first: deque[Batch] = deque()
        self._lock = threading.Lock()
        self._out = 0
        self.bytes = 0
        self.work = 0

    def take(self) -> Batch | None:
        """The next one; None when there is none now."""
        with self._lock:
            batch = self._first.popleft() if self._first else next(self._todo, None)
            self._out += batch is not None
            return batch

    def give_back(self, batch: Batch) -> None:
        """It didn't arrive."""
        with self._lock:
            self._out -= 1
            self._first.append(batch)

    def arrived(self, batch: Batch, files: int, size: int, left: int) -> None:
        """What of it was written, and how much was left out."""
        with self._lock:
            self._out -= 1
            self.bytes += size
            self.work += size + files * _FILE
            if batch.large is not None:
                self._piece(batch, left)

    def _piece(self, batch: Batch, left: int) -> None:
        large = batch.large
        assert large
        large.missing -= 1
        large.spoilt = large.spoilt or left > 0
        if large.missing == 0 and not large.spoilt:
            self._first.append(ending(large))

    def ready(self) -> bool:
        """Whether there is something to be taken now."""
        with self._lock:
            if not self._first:
                batch = next(self._todo, None)
                self._first.extend(() if batch is None else (batch,))
            return bool(self._first)

    def left(self) -> bool:
        """Whether there is something to be taken, or something may come back."""
        return self.ready() or self._out > 0


@dataclass
class Lane:
    """One connection in a thread of its own."""

    talk: Talk
    thread: threading.Thread | None = None
    leaving: bool = False


@dataclass
class Crew:
    """The connections that work on a queue, and whoever counts them."""

    act: SeedTree
    hands: Hands
    command: Command
    queue: Queue
    throttle: Throttle
    notice: Callable[[Progress], None]
    ended: threading.Event
    lanes: list[Lane] = field(default_factory=list)
    broken: float | None = None
    problem: TranshumeError | None = None

    def work(self) -> None:
        """Until the queue is empty or one of them met what no other could mend."""
        growth = Growth()
        try:
            while self.problem is None and self.queue.left():
                if self.queue.ready():
                    self._staff(growth.lanes)
                # A new connection has to be made first, which is no measure of the line.
                self._watch(time.monotonic() + _SETTLE_SECONDS)
                before, began = self.queue.work, time.monotonic()
                self._watch(began + _PERIOD_SECONDS)
                if not self.throttle.held:
                    growth.measured((self.queue.work - before) / (time.monotonic() - began))
                self.throttle.held = False
        except BaseException:
            self._stop()
            raise
        finally:
            if self.problem is not None:
                self._stop()
            self._leave()
        if self.problem is not None:
            raise self.problem

    def _staff(self, wanted: int) -> None:
        """Open or let go of connections until there are as many as wanted."""
        self.lanes = [lane for lane in self.lanes if lane.thread and lane.thread.is_alive()]
        staying = [lane for lane in self.lanes if not lane.leaving]
        for lane in staying[wanted:]:
            lane.leaving = True
        for _ in range(wanted - len(staying)):
            lane = Lane(self.hands[self.command.place].talk(self.command))
            lane.thread = threading.Thread(target=self._carry, args=(lane,), daemon=True)
            self.lanes.append(lane)
            lane.thread.start()

    def _watch(self, until: float) -> None:
        """Tell how far it is, until the period ends or nobody works any more."""
        while time.monotonic() < until and any(
            lane.thread and lane.thread.is_alive() for lane in self.lanes
        ):
            for lane in self.lanes:
                if lane.thread:
                    lane.thread.join(_PERIOD_SECONDS / 10 / len(self.lanes))
            self._tell()

    def _tell(self) -> None:
        done, expected = self.queue.bytes, self.act.expected
        self.notice(Progress(self.act.path, done, max(done, expected) if expected else 0, "bytes"))

    def _stop(self) -> None:
        self.ended.set()
        for lane in self.lanes:
            lane.talk.stop()

    def _leave(self) -> None:
        for lane in self.lanes:
            if lane.thread:
                lane.thread.join()
        self._tell()

    def _carry(self, lane: Lane) -> None:
        """One connection's work; whatever goes wrong is told in the thread that waits."""
        waiting: deque[Batch] = deque()
        try:
            lane.talk.tell(self.command.input)
            self._converse(lane, waiting)
        except TranshumeError as error:
            self.problem = error
        except Exception as error:  # noqa: BLE001 - a thread must not die in silence
            self.problem = StepFailed(f"{self.act.path} can't be copied: {error!r}")
        for batch in waiting:
            self.queue.give_back(batch)
        output = lane.talk.end()
        if self.problem is None and output.status != 0:
            self._lost(output)

    def _converse(self, lane: Lane, waiting: deque[Batch]) -> None:
        answers = split(lane.talk.hear, b"\n")
        while True:
            self._ask(lane, waiting)
            if not waiting:
                return
            answer = next(answers, None)
            if answer is None:
                return
            files, size, left = map(int, answer.split())
            self.queue.arrived(waiting.popleft(), files, size, left)
            self.broken = None

    def _ask(self, lane: Lane, waiting: deque[Batch]) -> None:
        while len(waiting) < _AHEAD and not lane.leaving and self.problem is None:
            batch = self.queue.take()
            if batch is None:
                return
            if not waiting:
                self.throttle.take(batch.size, self.ended)
            elif not self.throttle.may(batch.size):
                # Answers are heard meanwhile: who asked for nothing more knows how far it is.
                self.queue.give_back(batch)
                return
            waiting.append(batch)
            lane.talk.tell(batch.words)

    def _lost(self, output: Output) -> None:
        """A connection broke: another one takes over, unless it was the disk or the line."""
        if output.status != _CUT_OFF:
            self.problem = StepFailed(
                f"{self.act.path} can't be written on the target: {_last(output)}",
                remedy=f"look at it: df -h {self.act.path}; then the same command again goes on",
            )
            return
        now = time.monotonic()
        self.broken = self.broken or now
        if now - self.broken >= _PATIENCE_SECONDS:
            self.problem = Unreachable(
                f"the connections that copy {self.act.path} break ({_last(output)}; for "
                f"{now - self.broken:.0f} s nothing has arrived)"
            )
        self.ended.wait(_PAUSE_SECONDS)


def _last(output: Output) -> str:
    """What it said last; what receive.py says of its own disk before all else."""
    said = output.stderr.decode(errors="replace").strip().splitlines()
    own = [line[len(_OWN) :] for line in said if line.startswith(_OWN)]
    told = own or [line for line in said if not line.startswith(_IDLE)]
    return told[-1] if told else f"status {output.status}"
