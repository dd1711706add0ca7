"""Commands and waits end with a message that says what failed."""

from __future__ import annotations

import pytest

from lab.shell import LabError, run, wait_until


def test_what_is_written_in_comes_out() -> None:
    assert run(["cat"], stdin="mail\n").stdout == "mail\n"


def test_a_failure_names_the_command_its_status_and_its_last_words() -> None:
    with pytest.raises(LabError, match=r"^sh -c .*: exit 3: first \| no disk$"):
        run(["sh", "-c", "echo first >&2; echo no disk >&2; exit 3"])


def test_an_unchecked_failure_is_returned() -> None:
    assert run(["sh", "-c", "exit 3"], check=False).returncode == 3


def test_a_missing_command_leads_to_the_way_to_install_it() -> None:
    with pytest.raises(LabError, match=r"no-such-command is not installed.*prepare"):
        run(["no-such-command"])


def test_a_command_without_end_is_stopped() -> None:
    with pytest.raises(LabError, match="no end after"):
        run(["sleep", "60"], limit=0.01)


def test_a_condition_is_asked_until_it_holds() -> None:
    answers = iter([False, False, True])

    wait_until(lambda: next(answers), "the third answer", 60)

    assert list(answers) == []


def test_a_condition_that_never_holds_is_named() -> None:
    with pytest.raises(LabError, match="the tide to turn: not after"):
        wait_until(lambda: False, "the tide to turn", 0)
