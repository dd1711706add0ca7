"""The documented procedure as data, and the shell that it is typed into."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lab.documented import page
from lab.documented.typist import Shell, Typist
from lab.machine import Machine


class Here(Machine):
    """A machine whose commands run on this one."""

    def command(self, argv: Sequence[str]) -> list[str]:
        return ["env", *argv]


def test_the_mail_store_is_copied_in_the_outage_alone() -> None:
    hot, cold = ([line.text for line in lines] for lines in (page.hot(), page.cold()))

    assert not any("/var/spool/cyrus/" in text for text in hot)
    assert any("/var/spool/cyrus/" in text for text in cold)


def test_every_row_that_is_typed_on_the_target_is_there() -> None:
    assert {line.row for line in page.hot()} == {7, 8}
    assert {line.row for line in page.cold()} == set(range(11, 17))


def test_both_databases_are_restored_with_what_always_fails() -> None:
    restores = [line.text for line in page.restore() if "pg_restore" in line.text]

    assert [
        text.endswith(f"-d bj /tmp/dump-{name}.sql")
        for text, name in zip(restores, ("bj", "bj-data"), strict=True)
    ] == [True, True]
    assert all(" -C " in text for text in restores)


@pytest.mark.programs("bash")
def test_a_shell_tells_each_lines_own_status_and_output() -> None:
    with Shell(Here("here", "target")) as shell:
        assert shell.line("echo one; false") == (1, 1, "one")
        assert shell.line("no_such_program_here")[0] == 127
        assert shell.line("true") == (0, 0, "")


@pytest.mark.programs("bash")
def test_lines_go_on_in_the_shell_that_was_entered() -> None:
    with Shell(Here("here", "target")) as shell:
        shell.line("inside=no bash", enters=True)
        shell.line("export inside=yes")
        assert shell.line("echo $inside")[2].strip() == "yes"
        assert shell.line("exit 3", enters=True)[0] == 3
        assert shell.line("echo $inside")[2].strip() == ""


@pytest.mark.programs("bash")
def test_a_long_output_is_kept_at_both_ends() -> None:
    account: list[object] = []
    with Shell(Here("here", "target")) as shell:
        done = Typist(shell, "cold", account).line(11, "files", "seq 1000")  # type: ignore[arg-type]

    kept = done.output.split("\n")
    assert (done.status, done.lines, done.place) == (0, 1000, "target")
    assert (kept[0], kept[199], kept[-1], len(kept)) == ("1", "200", "1000", 400)
    assert account == [done]
