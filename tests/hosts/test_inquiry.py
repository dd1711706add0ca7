"""Questions over one connection: the program that answers, run here."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from transhume.agent import BOOT, program
from transhume.hosts.inquiry import Inquiry
from transhume.hosts.process import Processes

pytestmark = pytest.mark.programs("python3", "sh", "cat")
TEXT = program("answer")


@pytest.fixture
def inquiry() -> Iterator[Inquiry]:
    """One whose other end runs here."""
    made = Inquiry(Processes().talk(("python3", "-c", BOOT, str(len(TEXT)))), TEXT)
    yield made
    made.close()


def _said(inquiry: Inquiry, *words: str) -> tuple[int, bytes, bytes]:
    output = inquiry.ask(words)
    assert output is not None
    return output.status, output.stdout, output.stderr


def test_status_output_and_complaints_are_the_commands_own(inquiry: Inquiry) -> None:
    script = 'printf "%s\\0\\n" "$1"; echo wrong >&2; exit 3'
    odd = "it's\n$HOME \udcff"
    assert _said(inquiry, "sh", "-c", script, "sh", odd) == (
        3,
        b"it's\n$HOME \xff\0\n",
        b"wrong\n",
    )


def test_what_a_shell_says_of_a_program_that_cant_be_run(inquiry: Inquiry) -> None:
    assert _said(inquiry, "no-such-program")[0] == 127
    assert _said(inquiry, "/")[0] == 126
    assert _said(inquiry, "sh", "-c", "kill -TERM $$")[0] == 128 + 15


def test_a_slow_answer_holds_up_no_other(inquiry: Inquiry) -> None:
    with ThreadPoolExecutor(8) as pool:
        slow = pool.submit(_said, inquiry, "sh", "-c", "sleep 0.2")
        sizes = list(pool.map(lambda size: len(_said(inquiry, *_zeros(size))[1]), range(70)))
    assert slow.result()[0] == 0
    assert sizes == [size * 4096 for size in range(70)]


def _zeros(count: int) -> tuple[str, ...]:
    return ("dd", "if=/dev/zero", "bs=4096", f"count={count}", "status=none")


def test_commands_have_no_input(inquiry: Inquiry) -> None:
    assert _said(inquiry, "cat") == (0, b"", b"")


@pytest.mark.parametrize(
    "said",
    [
        *("Welcome", "{}", "[1, 0, -1, 1]", "[7, 0, 0, 0]", "[1, 0, 0]", "[1, 0, 9999999999, 0]"),
        *("[1, 1e999, 0, 0]", "[" * 20_000),
    ],
)
def test_what_is_no_answer_ends_it(said: str) -> None:
    script = 'read -r question; echo "$0"; cat >/dev/null'
    made = Inquiry(Processes().talk(("sh", "-c", script, said)), b"")
    assert made.ask(("true",)) is None
    assert made.over
    assert not made.answered


def test_whoever_waits_is_told_of_the_end(inquiry: Inquiry) -> None:
    assert inquiry.ask(("true",)) is not None
    assert inquiry.ask(("sh", "-c", "kill -9 $PPID")) is None
    assert inquiry.ask(("true",)) is None
    assert inquiry.answered


@pytest.mark.parametrize("word", ["a\0b", "\ud800"])
def test_words_that_no_command_can_have_arent_asked(inquiry: Inquiry, word: str) -> None:
    assert inquiry.ask(("echo", word)) is None
    assert not inquiry.over
