"""What the commands print."""

from __future__ import annotations

import shlex

import pytest

from tests.ui import sample
from tests.ui.sheet import Sheet, tame
from transhume.core.change import Carry, Change, Keep, Run, SeedTree, SyncTree, WriteFile
from transhume.core.event import Event
from transhume.core.plan import Plan
from transhume.errors import StepFailed
from transhume.ui import terminal
from transhume.ui.acts import moved
from transhume.ui.forecast import outlook, show
from transhume.ui.status import show_status
from transhume.ui.view import fold

DASH = "\N{EN DASH}"


def test_the_plan_at_80_columns() -> None:
    sheet = Sheet()
    terminal.plan(sheet, list(sample.foreseen()))
    assert sheet.rows == [
        " phase    step                            on      way back             page",
        f" prepare  check both machines             target                       1{DASH}6",
        "          close the target to clients     target  disable transhume-…",
        f" sync     copy the trees, 1.9 TB          target  keep                 8{DASH}9",
        " cutover  dump the databases, 316 tables  target  keep                 13",
        "          stop the services on both       source  bmctl start +2       10, 17",
        f"          restore the databases           target  keep                 12{DASH}13, 16",
        "          move the address                target  ip address delete    17",
        "          start the target's services     target  bmctl stop",
        " ───────────────────────────── point of no return ─────────────────────────────",
        "          queued mail leaves and people write on the target from here on",
        " after    start mail and open the target  target  none",
    ]


def test_the_reason_stands_in_the_line_where_it_fits() -> None:
    sheet = Sheet(120)
    terminal.plan(sheet, list(sample.foreseen()))
    assert sum("point of no return: queued mail" in row for row in sheet.rows) == 1


def test_an_empty_plan_is_no_mistake() -> None:
    sheet = Sheet()
    terminal.plan(sheet, [])
    assert len(sheet.rows) == 1


def test_a_tree_that_two_passes_look_at_is_counted_once() -> None:
    def passed(path: str, expected: int) -> Change:
        return Change("look", SyncTree(path, expected=expected), Keep("it does no harm"))

    carried = Change("carry", SeedTree("/a", ("sh",), b"", 5000), Keep("it does no harm"))
    changes = (carried, passed("/a", 0), passed("/b", 3000), passed("/b", 3000))
    assert moved(changes) == "8.0 kB"
    assert moved(changes[:1]) == "5.0 kB"


def commands(*changes: Change, former: bytes | None = None) -> list[str]:
    sheet = Sheet()
    step = sample.shaped("key", "title", "sync", (), *changes)
    terminal.plan(sheet, [step], True, lambda act: former)
    return [row.strip() for row in sheet.rows[2:]]


def test_commands_come_with_their_way_back() -> None:
    assert commands(sample.STOP) == [
        "stop BlueMind",
        "source# bmctl stop",
        "way back",
        "source# bmctl start",
        "waits up to 300 s for:",
        "source# curl -fsS localhost",
    ]


def test_a_file_is_shown_as_a_difference() -> None:
    shown = commands(sample.RULES, former=b"table inet old {\n}\n")
    assert "-table inet old {" in shown
    assert "+table inet transhume {" in shown
    assert "--- /dev/null" in commands(sample.RULES)
    binary = Change("icon", WriteFile("target", "/icon", b"\0\1"), sample.KEEP)
    assert "binary, 3 B → 2 B" in commands(binary, former=b"old")


def test_a_command_that_is_folded_can_still_be_copied() -> None:
    argv = ("printf", "%s\\n", *(f"argument-{number}" for number in range(20)), "it's", "a b", "")
    shown = commands(Change("print", Run("target", argv), sample.KEEP))
    end = shown.index("way back")
    whole = "\n".join(shown[1:end]).removeprefix("target# ")
    assert whole.count("\\\n") > 1
    assert tuple(shlex.split(whole.replace("\\\n", ""))) == argv


def test_control_characters_in_a_command_are_typed_as_bash_reads_them() -> None:
    argv = ("touch", b"a\x1b'\xe9\n".decode(errors="surrogateescape"))
    assert commands(Change("touch", Run("target", argv), sample.KEEP))[1] == (
        r"target# touch $'a\x1b\'\xe9\n'"
    )


def test_an_error_says_what_its_state_and_what_next() -> None:
    sheet = Sheet()
    problem = StepFailed(
        "the source stopped answering while /var/spool/cyrus was copied (3 tries in 90 s)",
        state="Nothing is lost.",
        remedy="look at the network, then transhume sync. To give up: transhume rollback",
    )
    terminal.error(sheet, problem, 214)
    assert sheet.rows == [
        "transhume: the source stopped answering while /var/spool/cyrus was copied (3",
        "  tries in 90 s).",
        "  Nothing is lost.",
        "  Next: look at the network, then transhume sync. To give up:",
        "        transhume rollback",
        "  Details: transhume status, or the journal's entry 214.",
    ]


def test_what_a_command_said_keeps_its_lines() -> None:
    sheet = Sheet()
    terminal.error(sheet, StepFailed("rsync failed (status 23): rsync -a\n  one\n  two"))
    assert sheet.rows == ["transhume: rsync failed (status 23): rsync -a", "    one", "    two"]


def test_status_of_a_failed_switch_says_what_to_type(move: list[Event]) -> None:
    sheet = Sheet()
    failed = next(event for event in move if event.kind == "change-failed")
    show_status(sheet, fold(move[: failed.id + 1], now=failed.at))
    assert sheet.rows[0] == " move      mail.example.org → this machine   bluemind-5"
    assert "down since 12:16:02" in sheet.text
    assert " cutover  done     stop the services on both            9.0 s" in sheet.rows
    assert f"(entry {failed.id})" in sheet.text
    assert sheet.rows[-2:] == [
        " To give up: transhume rollback",
        " Next: transhume cutover --yes",
    ]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_hostile_text_stays_text(move: list[Event], width: int) -> None:
    sheet = Sheet(width)
    hostile = sample.HOSTILE
    change = Change(hostile, Run("target", ("touch", hostile)), Run("target", (hostile,)))
    step = sample.shaped(hostile, hostile, "sync", (), change)
    terminal.plan(sheet, [step], commands=True)
    terminal.error(sheet, StepFailed(hostile, state=hostile, remedy=hostile))
    show(sheet, outlook(Plan(()), sample.poisoned(move)))
    show_status(sheet, fold(sample.poisoned(move)))
    assert tame(sheet.text)
    assert "[red]" in sheet.text


def test_a_terminal_without_unicode_gets_plain_letters(move: list[Event]) -> None:
    sheet = Sheet(encoding="latin-1")
    terminal.plan(sheet, list(sample.foreseen()))
    show_status(sheet, fold(move))
    assert sheet.text.isascii()
    assert "mail.example.org -> this machine" in sheet.text


def test_where_people_are_let_in_is_a_line_of_its_own() -> None:
    sheet = Sheet()
    carry = Change("open the door", sample.OPEN.act, Carry("what people do is noted"))
    terminal.plan(sheet, [sample.shaped("open", "open the target", "after", (), carry)])
    shown = "\n".join(sheet.rows)
    assert "people are let in" in shown
    assert "what people do is noted" in shown
    assert "point of no return" not in shown
    assert "carry back what came since" in shown
