"""The live screen and the plain lines: fed by several threads, never in the way of the move."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from rich.console import Console

from tests.ui import sample
from tests.ui.sheet import Sheet, tame
from transhume.core.event import Event, Progress
from transhume.engine.codec import Bodies
from transhume.ui.feed import Feed
from transhume.ui.live import Live, bar, make_listener
from transhume.ui.pace import Pace
from transhume.ui.plain import EVERY, Plain
from transhume.ui.shape import PartView, Rest
from transhume.ui.terminal import make_console


def switch(folder: Path) -> tuple[list[Event], list[Event]]:
    """What the journal held, and the events of a switch."""
    writer = sample.Writer(Bodies(folder))
    sample.prepared(writer)
    past = len(writer.events)
    sample.switched(writer)
    return writer.events[:past], writer.events[past:]


def test_the_timeline_of_a_switch(tmp_path: Path) -> None:
    past, events = switch(tmp_path)
    sheet = Sheet(screen=True)
    with Live(sheet, past) as listener:
        for event in events:
            listener.event(event)
    for line in (
        " 14:16:12   + 9.4 s  stop the services on both              down since 14:16:03",
        " 14:16:14   +11.3 s  copy the rest of the trees",
        " 14:16:14   +11.4 s  proved: /var/spool/cyrus, 812,304 of 812,304 entries equal",
        " 14:17:33   +90.6 s  start mail and open the target       up again: 90.2 s down",
    ):
        assert line in sheet.text


def test_what_was_done_before_has_its_title(tmp_path: Path) -> None:
    past, _ = switch(tmp_path)
    sheet = Sheet()
    with Plain(sheet, past) as listener:
        listener.event(Event(999, sample.BEGAN, "step-skipped", {"step": "sync-trees"}))
    assert sheet.rows[-1].endswith("holds already: copy the trees")


def test_plain_lines_hold_nothing_that_commands_a_terminal(move: list[Event]) -> None:
    sheet = Sheet()
    with Plain(sheet) as listener:
        for event in sample.poisoned(move):
            listener.event(event)
            listener.progress(Progress(sample.HOSTILE, event.id, 100, "bytes"))
    assert tame(sheet.text)
    assert "[red]" in sheet.text


def test_the_screen_shows_hostile_text_as_text(move: list[Event]) -> None:
    sheet = Sheet(screen=True)
    with Live(sheet) as listener:
        for event in sample.poisoned(move):
            listener.event(event)
            listener.progress(Progress(sample.HOSTILE, event.id, 100, "bytes"))
    assert "[red]<script>" in sheet.text
    assert "\x1b[2J\\" not in sheet.text
    assert "\u202e" not in sheet.text


def test_progress_is_told_now_and_then_per_part() -> None:
    sheet, seconds = Sheet(), 0.0
    listener = Plain(sheet, clock=lambda: seconds)
    for number in range(1, 41):
        seconds = number * EVERY / 4
        listener.progress(Progress("/a", number * 1_000_000, 100_000_000, "bytes"))
        listener.event(Event(number, sample.BEGAN, "lacks", {}))
    with listener:
        pass
    told = [row for row in sheet.rows if "/a: " in row]
    assert len(told) == 10
    assert told[0].endswith("/a: 1 %, 1.0/100 MB, no estimate yet")
    assert told[-1].endswith("/a: 37 %, 37.0/100 MB, 400 kB/s, 0:02:38 left")


def test_many_threads_and_no_event_is_lost(tmp_path: Path) -> None:
    sheet = Sheet()
    with Plain(sheet) as listener:

        def tell(number: int) -> None:
            for step in range(50):
                key = f"{number}-{step}"
                listener.progress(Progress(key, step, 50, "tables"))
                listener.event(Event(step, 0.0, "step-skipped", {"step": key}))

        threads = [threading.Thread(target=tell, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum("holds already" in row for row in sheet.rows) == 200


class Stuck(io.StringIO):
    """A terminal after Ctrl-S: takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.go.wait()
        return super().write(text)


def test_a_stuck_terminal_does_not_hold_up_the_move(move: list[Event]) -> None:
    file = Stuck()
    with Plain(Console(file=file, width=80)) as listener:
        listener.event(move[0])
        for event in move:
            listener.event(event)
        assert file.reached.wait(30)
        # Here the writer waits in the terminal; what comes is still taken.
        for event in move:
            listener.event(event)
            listener.progress(Progress("/a", 1, 2, "bytes"))
        assert not file.getvalue()
        file.go.set()
    assert file.getvalue().count("copy the trees\n") > 1


class Gone(io.StringIO):
    """A pipe whose reader went."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("screen", [Plain, Live])
def test_a_reader_that_went_is_no_failure_of_the_move(
    screen: type[Plain | Live], move: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Rich points the process's own standard output at /dev/null, which isn't wanted here.
    monkeypatch.setattr("rich.console.os.dup2", lambda *_: None)
    with screen(Console(file=Gone(), width=80, force_terminal=screen is Live)) as listener:
        for event in move:
            listener.event(event)
    assert listener.status.past_return


@pytest.mark.parametrize("screen", [False, True])
def test_a_question_has_the_terminal_for_itself(screen: bool, move: list[Event]) -> None:
    sheet = Sheet(screen=screen)
    with make_listener(sheet) as listener:
        for event in move[:-30]:
            listener.event(event)
        with listener.aside():
            before = sheet.text
            for event in move[-30:]:
                listener.event(event)
            assert sheet.text == before
    assert sheet.text.count("open the target") > 0


def test_the_listener_suits_where_the_output_goes() -> None:
    assert isinstance(make_listener(Sheet(screen=True)), Live)
    assert isinstance(make_listener(Sheet()), Plain)
    assert isinstance(make_listener(make_console(io.StringIO())), Feed)


def test_a_note_is_written_once(move: list[Event]) -> None:
    sheet = Sheet()
    with Plain(sheet) as listener:
        for _ in range(3):
            listener.note("forecast for a cutover now: 38 s")
    assert sheet.text.count("forecast") == 1


def part(done: int, total: int, *, active: bool = True) -> PartView:
    return PartView("/var/spool/cyrus", "tree", active, 0.0, done, total, "bytes", 1.0)


def test_bars_at_80_columns() -> None:
    pace = Pace(104_000_000.0, 10.0, 2892.0)
    half = bar(part(700_000_000_000, 1_400_000_000_000), pace, 17, 10, 80).plain
    assert half == (
        " /var/spool/cyrus   ━━━━━━━━━─────────   50 %  0.7/1.4 TB   104 MB/s    0:48:12"
    )
    early = bar(part(700_000_000_000, 1_400_000_000_000), None, 17, 10, 80).plain
    assert early.endswith("0.7/1.4 TB  no estimate yet")


def test_without_a_total_no_bar_and_no_end() -> None:
    row = bar(part(5_000_000, 0), Pace(1_000_000.0, 10.0, None), 17, 10, 80).plain
    assert "━" not in row
    assert "─" not in row
    assert row.endswith("    5.0 MB   1.0 MB/s   no total")


def test_where_a_part_stands_while_nothing_moves() -> None:
    caught = part(5, 5, active=False)
    caught.moved, caught.rest = 2.0, Rest(0, 5, "bytes", 0.1, 3.0)
    assert bar(caught, None, 17, 10, 80).plain.endswith("caught up")
    caught.rest = Rest(12, 5, "changes", 0.4, 3.0)
    assert bar(caught, None, 17, 10, 80).plain.endswith("12 changes behind, 0.4 s to go")
    assert bar(part(1, 4, active=False), None, 17, 10, 80).plain.endswith("stopped, 25 %, 1/4 B")
